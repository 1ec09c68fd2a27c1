"""One cell stored in many ways is one cell: the same pixels, and the same prediction by the shipped weights."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.core.recipe import InputRecipe
from nscweb.inference.classifier import Classifier
from nscweb.io.survey.survey import survey
from nscweb.models.card_folders import list_cards
from nscweb.preprocess.prepare import apply_recipe
from nscweb.simulation.labelled_cells import iter_labelled_cells
from nscweb.simulation.small_tiff import tiff_bytes

Pixels = NDArray[Any]
# The same numbers give the same network input, so only the rounding of float sums is left.
SAME = 1e-5
# 8 bit of a 12-bit cell: each pixel moves by up to half a step of 16 in 4096, which moved a
# probability by 0.001 in the median and by 0.023 at most over 600 simulated cells.
QUANTISED = 0.03
# JPEG of quality 95 moves each pixel by a few grey values.
LOSSY = 0.05


def a_cell() -> Pixels:
    """A simulated cell (h, w) of 12 bit in uint16, not square, as the camera gives it."""
    cell = next(iter_labelled_cells(5, 3, times_h=(120.0,), replicates=1))
    pixels = cell.pixels[0].astype(np.float64)
    pixels = 60 + (pixels - pixels.min()) / (pixels.max() - pixels.min()) * 3900
    pixels = np.rint(pixels + np.random.default_rng(0).normal(0, 25, pixels.shape)).clip(0, 4095)
    return np.ascontiguousarray(pixels[:-1], np.uint16)


CELL12 = a_cell()
CELL8 = (CELL12 >> 4).astype(np.uint8)


def tif(pixels: Pixels, **options: Any) -> bytes:
    out = io.BytesIO()
    tifffile.imwrite(out, pixels, **{"photometric": "minisblack", **options})
    return out.getvalue()


def pillow(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def rgb(pixels: Pixels, alpha: bool = False) -> Pixels:
    planes = [pixels] * 3
    if alpha:
        planes.append(np.full_like(pixels, np.iinfo(pixels.dtype).max))
    return np.ascontiguousarray(np.stack(planes, axis=-1))


def la(pixels: Pixels) -> Pixels:
    return np.stack([pixels, np.full_like(pixels, np.iinfo(pixels.dtype).max)], axis=-1)


def shuffled_palette() -> tuple[Image.Image, Pixels]:
    """The 8-bit cell as indices into a palette whose order is not that of the grey values."""
    order = np.random.default_rng(0).permutation(256)
    levels = np.argsort(order)  # levels[order[v]] == v
    image = Image.fromarray(order[CELL8].astype(np.uint8), "L").convert("L")
    image = Image.frombytes("P", image.size, image.tobytes())
    image.putpalette(np.repeat(levels[:, None], 3, axis=1).astype(np.uint8).tobytes())
    return image, levels


def palette_tif() -> bytes:
    image, levels = shuffled_palette()
    colours = np.repeat((levels * 257).astype(np.uint16)[None], 3, axis=0)
    return tif(np.asarray(image), photometric="palette", colormap=colours)


def top_down_bmp(bits: int) -> bytes:
    """BMP with its first row on top (negative height), 8 bit with a grey palette or 32 bit."""
    height, width = CELL8.shape
    palette = b"".join(bytes([v, v, v, 0]) for v in range(256)) if bits == 8 else b""
    rows = CELL8 if bits == 8 else np.dstack([CELL8] * 3 + [np.zeros_like(CELL8)]).reshape(height, -1)
    rows = np.pad(rows, ((0, 0), (0, -rows.shape[1] % 4)))
    start = 14 + 40 + len(palette)
    head = struct.pack("<2sIHHI", b"BM", start + rows.size, 0, 0, start)
    info = struct.pack("<IiiHHIIiiII", 40, width, -height, 1, bits, 0, rows.size, 2835, 2835, 0, 0)
    return head + info + palette + rows.tobytes()


def npz(pixels: Pixels, compressed: bool = False) -> bytes:
    out = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(out, x=pixels[None])
    return out.getvalue()


def zipped(data: bytes, method: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr("folder/s_1_Ch1.ome.tif", data)
    return out.getvalue()


# name -> (suffix, bytes). Those of 12 bit hold CELL12, those of 8 bit CELL8, each with every value as it is.
WAYS_12: dict[str, tuple[str, Callable[[], bytes]]] = {
    "plain": ("tif", lambda: tif(CELL12)),
    "as the instrument writes it, fill order 0": ("ome.tif", lambda: tiff_bytes(CELL12, "Ch1")),
    "big endian": ("tif", lambda: tif(CELL12, byteorder=">")),
    "BigTIFF": ("tif", lambda: tif(CELL12, bigtiff=True)),
    "BigTIFF, big endian": ("tif", lambda: tif(CELL12, bigtiff=True, byteorder=">")),
    "strips of 7 rows": ("tif", lambda: tif(CELL12, rowsperstrip=7)),
    "tiles": ("tif", lambda: tif(CELL12, tile=(16, 32))),
    "tiles, LZW": ("tif", lambda: tif(CELL12, tile=(16, 16), compression="lzw")),
    "LZW": ("tif", lambda: tif(CELL12, compression="lzw")),
    "LZW, predictor": ("tif", lambda: tif(CELL12, compression="lzw", predictor=True)),
    "deflate": ("tif", lambda: tif(CELL12, compression="zlib")),
    "deflate, predictor, strips": ("tif", lambda: tif(CELL12, compression="zlib", predictor=True, rowsperstrip=9)),
    "deflate, big endian": ("tif", lambda: tif(CELL12, compression="zlib", byteorder=">")),
    "PackBits": ("tif", lambda: tif(CELL12, compression="packbits")),
    "zstd": ("tif", lambda: tif(CELL12, compression="zstd")),
    "LZMA": ("tif", lambda: tif(CELL12, compression="lzma")),
    "white is zero": ("tif", lambda: tif(65535 - CELL12, photometric="miniswhite")),
    "three equal colours": ("tif", lambda: tif(rgb(CELL12), photometric="rgb")),
    "three equal colours in planes": (
        "tif",
        lambda: tif(np.stack([CELL12] * 3), photometric="rgb", planarconfig="separate"),
    ),
    "colours and alpha": ("tif", lambda: tif(rgb(CELL12, True), photometric="rgb", extrasamples=["unassalpha"])),
    "grey and alpha": ("tif", lambda: tif(la(CELL12), planarconfig="contig", extrasamples=["unassalpha"])),
    "12 bit packed": ("tif", lambda: tif(CELL12, bitspersample=12)),
    "uint32": ("tif", lambda: tif(CELL12.astype(np.uint32))),
    "int16": ("tif", lambda: tif(CELL12.astype(np.int16))),
    "int32": ("tif", lambda: tif(CELL12.astype(np.int32))),
    "float32": ("tif", lambda: tif(CELL12.astype(np.float32))),
    "float32, predictor": ("tif", lambda: tif(CELL12.astype(np.float32), compression="zlib", predictor=True)),
    "float64": ("tif", lambda: tif(CELL12.astype(np.float64))),
    "OME-TIFF": ("ome.tif", lambda: tif(CELL12, ome=True, metadata={"axes": "YX"})),
    "ImageJ": ("tif", lambda: tif(CELL12, imagej=True)),
    "PNG": ("png", lambda: pillow(Image.fromarray(CELL12), "PNG")),
    "PNG, colours of 16 bit": ("png", lambda: imagecodecs.png_encode(rgb(CELL12))),
    "PNG, colours of 16 bit and alpha": ("png", lambda: imagecodecs.png_encode(rgb(CELL12, True))),
    "NumPy": ("npz", lambda: npz(CELL12)),
    "NumPy, compressed": ("npz", lambda: npz(CELL12, True)),
    "NumPy, big endian": ("npz", lambda: npz(CELL12.astype(">u2"))),
    "zip, stored": ("zip", lambda: zipped(tif(CELL12), zipfile.ZIP_STORED)),
    "zip, deflated": ("zip", lambda: zipped(tif(CELL12), zipfile.ZIP_DEFLATED)),
}
WAYS_8: dict[str, tuple[str, Callable[[], bytes]]] = {
    "8 bit": ("tif", lambda: tif(CELL8)),
    "8 bit, white is zero": ("tif", lambda: tif(255 - CELL8, photometric="miniswhite")),
    "8 bit, palette": ("tif", palette_tif),
    "8 bit, three equal colours": ("tif", lambda: tif(rgb(CELL8), photometric="rgb")),
    "8 bit, three equal colours, PackBits": ("tif", lambda: tif(rgb(CELL8), photometric="rgb", compression="packbits")),
    "8 bit, int8 range in int16": ("tif", lambda: tif(CELL8.astype(np.int16))),
    "8 bit, float16": ("tif", lambda: tif(CELL8.astype(np.float16))),
    "PNG 8 bit": ("png", lambda: pillow(Image.fromarray(CELL8), "PNG")),
    "PNG palette": ("png", lambda: pillow(shuffled_palette()[0], "PNG")),
    "PNG colours": ("png", lambda: pillow(Image.fromarray(rgb(CELL8)), "PNG")),
    "PNG colours and alpha": ("png", lambda: pillow(Image.fromarray(rgb(CELL8, True)), "PNG")),
    "PNG grey and alpha": ("png", lambda: pillow(Image.fromarray(la(CELL8)), "PNG")),
    "BMP palette of greys": ("bmp", lambda: pillow(Image.fromarray(CELL8), "BMP")),
    "BMP palette in another order": ("bmp", lambda: pillow(shuffled_palette()[0], "BMP")),
    "BMP 24 bit": ("bmp", lambda: pillow(Image.fromarray(rgb(CELL8)), "BMP")),
    "BMP 8 bit, first row on top": ("bmp", lambda: top_down_bmp(8)),
    "BMP 32 bit, first row on top": ("bmp", lambda: top_down_bmp(32)),
    "NumPy 8 bit": ("npz", lambda: npz(CELL8)),
}


def taken(data: bytes, suffix: str, folder: Path) -> tuple[Pixels, FindingLog]:
    """The one cell of a file as an import takes it, and what was said."""
    path = folder / (f"export.{suffix}" if suffix in ("zip", "npz") else f"s_1_Ch1.{suffix}")
    path.write_bytes(data)
    log = FindingLog()
    with survey([path], Limits(), log) as found:
        (sample,) = found.samples
        (cell,) = found.read(sample, None, log)
        assert found.members == found.images + found.skipped + found.ignored == 1
    assert cell.channels == ("Ch1",)
    return cell.pixels, log


@pytest.fixture(scope="module")
def classifier(project: Path) -> Classifier:
    return Classifier(list_cards([project / "weights"])[0], device="cpu")


def scores(classifier: Classifier, pixels: Pixels) -> NDArray[np.float32]:
    return classifier.predict([pixels])[0]


@pytest.mark.parametrize("way", WAYS_12)
def test_twelve_bit_ways_give_equal_pixels_and_the_same_prediction(
    way: str, classifier: Classifier, tmp_path: Path
) -> None:
    suffix, make = WAYS_12[way]
    pixels, log = taken(make(), suffix, tmp_path)
    np.testing.assert_array_equal(pixels[0].astype(np.float64), CELL12)
    assert pixels.dtype.isnative
    expected = scores(classifier, CELL12[None])
    np.testing.assert_allclose(scores(classifier, pixels), expected, atol=SAME)
    told = {finding.code for finding in log if finding.level == "warn"}
    if "alpha" in way:
        assert told == {"W-IMG-ALPHA"}
    elif way.startswith("int"):
        assert told == {"W-IMG-SIGNED"}
    else:
        # Zstandard without a checksum: damage would not be noticed, which is told.
        assert told == ({"W-IMG-UNCHECKED"} if way == "zstd" else set())


@pytest.mark.parametrize("way", WAYS_8)
def test_eight_bit_ways_give_equal_pixels_and_the_same_prediction(
    way: str, classifier: Classifier, tmp_path: Path
) -> None:
    suffix, make = WAYS_8[way]
    pixels, _ = taken(make(), suffix, tmp_path)
    np.testing.assert_array_equal(pixels[0].astype(np.float64), CELL8)
    np.testing.assert_allclose(scores(classifier, pixels), scores(classifier, CELL8[None]), atol=SAME)


def test_there_are_more_than_25_ways() -> None:
    assert len(WAYS_12) >= 25 and len(WAYS_8) >= 12


@pytest.mark.parametrize(
    ("changed", "tolerance"),
    [
        (CELL12 * np.uint16(16), SAME),
        (CELL12.astype(np.float32) / np.float32(4095), SAME),
        (CELL12.astype(np.float64) / 65535, SAME),
        (CELL12.astype(np.uint32) << np.uint32(16), SAME),
        (CELL12.astype(np.uint16) + np.uint16(5000), SAME),
        (CELL8, QUANTISED),
        ((CELL12 >> 4) << 4, QUANTISED),
    ],
    ids=["full 16 bit", "0 to 1", "0 to 1 of 16 bit", "full 32 bit", "offset", "8 bit", "8 bit in 16"],
)
def test_depth_gain_and_offset_do_not_matter(
    changed: Pixels, tolerance: float, classifier: Classifier, tmp_path: Path
) -> None:
    pixels, _ = taken(tif(changed), "tif", tmp_path)
    np.testing.assert_array_equal(pixels[0], changed)
    expected = scores(classifier, CELL12[None])
    found = scores(classifier, pixels)
    np.testing.assert_allclose(found, expected, atol=tolerance)
    assert found.argmax() == expected.argmax()


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_jpeg_is_near(mode: str, classifier: Classifier, tmp_path: Path) -> None:
    image = Image.fromarray(CELL8).convert(mode)
    pixels, _ = taken(pillow(image, "JPEG", quality=95), "jpg", tmp_path)
    assert np.abs(pixels[0].astype(int) - CELL8).mean() < 3
    np.testing.assert_allclose(scores(classifier, pixels), scores(classifier, CELL8[None]), atol=LOSSY)


def test_the_recipe_of_the_published_network_takes_every_depth_to_0_to_1() -> None:
    """Zhu et al. divide 8-bit images by 255; a 12-bit image of the same cell lands within one grey value of it."""
    recipe = InputRecipe(background="none", contrast="none", resize=(45, 30), interpolation="linear", divide_by=255.0)
    eight = apply_recipe(recipe, [CELL8[None]])
    deep = [CELL12[None], (CELL12 * np.uint16(16))[None], (CELL12 / 4095).astype(np.float32)[None]]
    for image in deep:
        np.testing.assert_allclose(apply_recipe(recipe, [image]), eight, atol=1.5 / 255)
