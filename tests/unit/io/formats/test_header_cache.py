"""The fast path remembers headers by the length of the file, and is never fooled by another header."""

from __future__ import annotations

import numpy as np
import pytest

from nscweb.core.limits import Limits
from nscweb.io.formats import tiff
from nscweb.io.formats.tiff import read_simple
from nscweb.simulation.small_tiff import tiff_bytes


@pytest.fixture(autouse=True)
def fresh() -> None:
    tiff._KNOWN_HEADERS.clear()


def pixels_of(shape: tuple[int, int], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 4000, shape, np.uint16)


def test_files_of_one_size_keep_their_own_pixels() -> None:
    limits = Limits()
    for seed in range(4):
        found = read_simple(tiff_bytes(pixels_of((20, 30), seed), "Ch1"), limits)
        np.testing.assert_array_equal(found, pixels_of((20, 30), seed))
    assert len(tiff._KNOWN_HEADERS) == 1


def test_equal_length_and_another_shape_or_depth() -> None:
    limits = Limits()
    for shape in ((20, 30), (30, 20), (10, 60), (20, 30)):
        found = read_simple(tiff_bytes(pixels_of(shape), "Ch1"), limits)
        np.testing.assert_array_equal(found, pixels_of(shape))


def test_a_known_length_with_a_telling_description_is_looked_at_closely() -> None:
    limits = Limits()
    data = tiff_bytes(pixels_of((20, 30)), "Ch1")
    assert read_simple(data, limits) is not None
    assert read_simple(data.replace(b'SizeC="1"', b'SizeC="2"'), limits) is None
    assert read_simple(data.replace(b'SizeC="1"', b"FileName="), limits) is None
    assert read_simple(data[:-1], limits) is None
    at = data.index(b"<OME")
    broken = data[:8] + b"\x00\x00" + data[10:]
    assert read_simple(broken, limits) is None and at > 0


def test_other_limits_are_asked_again() -> None:
    data = tiff_bytes(pixels_of((20, 30)), "Ch1")
    assert read_simple(data, Limits()) is not None
    assert read_simple(data, Limits(min_side=25)) is None
    assert read_simple(data, Limits(field_side=29)) is None


def test_memory_for_headers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiff, "_MOST_HEADERS", 5)
    limits = Limits()
    for width in range(10, 40):
        assert read_simple(tiff_bytes(pixels_of((12, width)), "Ch1"), limits) is not None
    assert len(tiff._KNOWN_HEADERS) <= 5
