"""Decoders of `.cif` pixels: the inverse of encoding, and strict about everything that does not add up."""

from __future__ import annotations

from pathlib import Path

import cif_encoder as encoder
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nscweb.core.errors import InputRefused
from nscweb.io.formats import cif_codec as codec
from nscweb.io.formats.cif_file import CifFile

SHAPES = st.tuples(st.integers(1, 40), st.integers(1, 60))


@settings(max_examples=150, deadline=None)
@given(SHAPES.flatmap(lambda shape: arrays(np.uint16, shape)))
def test_grey_values_come_back(pixels: np.ndarray) -> None:
    decoded = codec.decode_grey(encoder.encode_grey(pixels), *pixels.shape)
    assert decoded.dtype == np.uint16
    np.testing.assert_array_equal(decoded, pixels)


@settings(max_examples=150, deadline=None)
@given(SHAPES.flatmap(lambda shape: arrays(np.bool_, shape)), st.integers(1, 255))
def test_masks_come_back(mask: np.ndarray, inside: int) -> None:
    data = encoder.encode_bitmask(mask, inside)
    np.testing.assert_array_equal(codec.decode_bitmask(data, *mask.shape), mask)


def plain_decode(data: bytes, height: int, width: int) -> np.ndarray:
    """The definition, one nibble after another."""
    nibbles = [part for byte in data for part in (byte & 15, byte >> 4)]
    values: list[int] = []
    value = shift = 0
    for nibble in nibbles:
        value |= (nibble & 7) << shift
        shift += 3
        if nibble < 8:
            values.append(value - (1 << shift) if nibble & 4 else value)
            value = shift = 0
    differences = np.array(values[: height * width]).reshape(height, width)
    pixels = np.zeros((height + 1, width + 1), np.int64)
    for row in range(height):
        for column in range(width):
            pixels[row + 1, column + 1] = (
                differences[row, column] + pixels[row, column + 1] + pixels[row + 1, column] - pixels[row, column]
            )
    return pixels[1:, 1:]


@settings(max_examples=300, deadline=None)
@given(st.binary(min_size=1, max_size=80), st.integers(1, 12), st.integers(1, 12))
def test_any_bytes_are_refused_or_decoded_by_the_definition(data: bytes, height: int, width: int) -> None:
    try:
        decoded = codec.decode_grey(data, height, width)
    except InputRefused as error:
        assert error.code == "E-CIF-OBJECT" and "The object is damaged" in str(error)
    else:
        np.testing.assert_array_equal(decoded, plain_decode(data, height, width))
    try:
        mask = codec.decode_bitmask(data, height, width)
    except InputRefused as error:
        assert error.code == "E-CIF-OBJECT"
    else:
        expected = [value > 0 for value, run in zip(data[::2], data[1::2], strict=True) for _ in range(run + 1)]
        np.testing.assert_array_equal(mask.ravel(), expected)


@pytest.mark.parametrize("change", [-1, 1])
def test_one_difference_more_or_less_is_refused(change: int) -> None:
    values = np.array([300, 0, 0, 1, 0, -3, 2, 0, 0, 0, 0, 0])
    right = encoder.encode_differences(values)
    assert codec.decode_grey(right, 3, 4).shape == (3, 4)
    wrong = values[:change] if change < 0 else np.append(values, [5, 1, 1])
    with pytest.raises(InputRefused, match="damaged"):
        codec.decode_grey(encoder.encode_differences(wrong), 3, 4)


@pytest.mark.parametrize(("value", "bits"), [(-1, 16), (65_536, 16), (4096, 12), (256, 8), ((1 << 29) - 1, 16)])
def test_pixels_outside_the_depth_are_refused(value: int, bits: int) -> None:
    data = encoder.encode_differences(np.array([value] + [0] * 7))
    with pytest.raises(InputRefused, match="outside the range"):
        codec.decode_grey(data, 2, 4, bits)


def test_sums_that_wrap_around_are_refused() -> None:
    values = np.array([(1 << 29) - 1] * 8 + [8, 0, 0, 0])  # 2^32 in all
    with pytest.raises(InputRefused, match="outside the range"):
        codec.decode_grey(encoder.encode_differences(values), 1, 12)


def test_a_value_of_many_nibbles_is_refused() -> None:
    data = bytes([0x88] * 6 + [0x11] * 8)
    with pytest.raises(InputRefused, match="more bits"):
        codec.decode_grey(data, 1, 16)


def test_a_size_far_over_the_data_takes_no_memory() -> None:
    with pytest.raises(InputRefused, match="cut off"):
        codec.decode_grey(b"\x11" * 100, 1 << 30, 1 << 30)
    with pytest.raises(InputRefused, match="as many pixels"):
        codec.decode_bitmask(b"\x01\xff" * 100, 1 << 30, 1 << 30)
    with pytest.raises(InputRefused, match="as many pixels"):
        codec.decode_plain(b"\x01" * 100, 1 << 30, 1 << 30, 16)


def test_unknown_ways_are_refused() -> None:
    with pytest.raises(InputRefused, match="unknown way"):
        codec.decode_image(b"\x00" * 8, 2, 2, 16, 5)
    with pytest.raises(InputRefused, match="unknown way"):
        codec.decode_mask(b"\x00" * 8, 2, 2, 8, 30817)
    with pytest.raises(InputRefused, match="32 bits"):
        codec.decode_image(b"\x00" * 8, 2, 2, 32, 1)


def test_plain_pixels_and_masks() -> None:
    pixels = np.arange(12, dtype=np.uint16).reshape(3, 4) * 300
    np.testing.assert_array_equal(codec.decode_image(pixels.astype("<u2").tobytes(), 3, 4, 16, 1), pixels)
    mask = pixels % 900 > 0
    np.testing.assert_array_equal(codec.decode_mask(mask.astype(np.uint8).tobytes(), 3, 4, 8, 1), mask)


def test_every_object_of_a_real_file_bit_for_bit(shared: Path) -> None:
    file = CifFile(shared / "data/cif/example.cif")
    images = masks = 0
    with np.load(shared / "data/cif/example_decoded_oracle.npz", allow_pickle=False) as oracle:
        step, number = file.follow(0, file.first), -1
        while step is not None:
            tags = file.entries(step.at) or {}
            size = [int(file.values(step.at, tags.get(tag), 1)[0]) for tag in (257, 256)]
            at, length = (int(file.values(step.at, tags.get(tag), 1)[0]) for tag in (273, 279))
            if step.kind == 2:
                number, images = step.number, images + 1
                decoded = codec.decode_grey(file.read(at, length), *size)
                np.testing.assert_array_equal(decoded, oracle[f"img_{number}"])
            elif step.kind == 3:
                masks += 1
                decoded = codec.decode_bitmask(file.read(at, length), *size)
                np.testing.assert_array_equal(decoded, oracle[f"mask_{number}"] > 0)
            step = file.follow(step.at, step.link) if step.link else None
    file.close()
    assert (images, masks) == (111, 111)
