"""Cell files give back what was put in, at native depth, and appear only when complete."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nscweb.core.cells import CellImage
from nscweb.core.errors import StoreError
from nscweb.store.cell_files import CellFile, CellWriter

DTYPES = st.sampled_from([np.uint8, np.uint16, np.dtype(">u2"), np.int16, np.uint32, np.float32])


@st.composite
def cell_lists(draw: st.DrawFn) -> list[CellImage]:
    cells = []
    for number in range(draw(st.integers(0, 6))):
        channels = draw(st.sampled_from([("Ch1",), ("Ch1", "Ch11"), ("Ch11",)]))
        shape = (len(channels), draw(st.integers(1, 9)), draw(st.integers(1, 9)))
        pixels = draw(hnp.arrays(draw(DTYPES), shape))
        cells.append(CellImage(number * 3, channels, pixels, draw(st.text(max_size=12))))
    return cells


@settings(max_examples=60, deadline=None)
@given(cells=cell_lists())
def test_what_goes_in_comes_out(cells: list[CellImage], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("cells") / "c000001.arrow"
    with CellWriter(path, ("Ch1", "Ch11"), {"note": "µ"}) as writer:
        for cell in cells:
            writer.add(cell)
    with CellFile(path) as file:
        assert len(file) == len(cells) and file.meta == {"note": "µ"}
        assert file.object_numbers.tolist() == [cell.object_number for cell in cells]
        assert [tuple(frame) for frame in file.frames.tolist()] == [cell.frame for cell in cells]
        assert file.sources().tolist() == [cell.source for cell in cells]
        for name in ("Ch1", "Ch11"):
            for cell, image in zip(cells, file.images(name), strict=True):
                if name not in cell.channels:
                    assert image is None
                    continue
                assert image is not None and image.dtype == cell.pixels.dtype.newbyteorder("<")
                np.testing.assert_array_equal(image[0], cell.channel(name))
        for cell, image in zip(cells, file.images(("Ch1", "Ch11")), strict=True):
            assert (image is None) == (len(cell.channels) < 2)
            if image is not None:
                np.testing.assert_array_equal(image, cell.pixels)


def many(count: int) -> list[CellImage]:
    rng = np.random.default_rng(0)
    frames = rng.integers(30, 60, (count, 2))
    return [CellImage(i, ("Ch1",), rng.integers(0, 256, (1, *frame), np.uint8)) for i, frame in enumerate(frames)]


def test_rows_are_found_across_batches(tmp_path: Path) -> None:
    cells = many(1000)
    with CellWriter(tmp_path / "c.arrow", ("Ch1",)) as writer:
        for cell in cells:
            writer.add(cell)
    with CellFile(tmp_path / "c.arrow") as file:
        for row, image in zip((999, 0, 256, 255, 511), file.take((999, 0, 256, 255, 511), "Ch1"), strict=True):
            np.testing.assert_array_equal(image, cells[row].pixels)
        assert file.images("Ch9", 0, 3) == [None, None, None]


def test_the_digest_knows_pixels_and_not_names(tmp_path: Path) -> None:
    digests = []
    for name, change in (("a", 0), ("b", 0), ("c", 1)):
        with CellWriter(tmp_path / f"{name}.arrow", ("Ch1",)) as writer:
            for cell in many(300):
                pixels = cell.pixels.copy()
                if cell.object_number == 299:
                    pixels[0, 0, 0] ^= change
                writer.add(CellImage(cell.object_number, cell.channels, pixels, f"{name}/{cell.object_number}"))
        with CellFile(tmp_path / f"{name}.arrow") as file:
            digests.append(file.sha256())
    assert digests[0] == digests[1] != digests[2]


def test_an_error_while_writing_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), CellWriter(tmp_path / "c.arrow", ("Ch1",)) as writer:
        writer.add(many(1)[0])
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_or_missing_file_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "bad.arrow").write_bytes(b"ARROW1 not really")
    for name in ("bad.arrow", "none.arrow"):
        with pytest.raises(StoreError, match="Import the study again"):
            CellFile(tmp_path / name)
