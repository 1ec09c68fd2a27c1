"""Files damaged at random: each is read, or refused with a sentence; no file is lost, nothing else escapes.

Seeds are fixed, so a failure is repeated by its name. `damage_once(kind, seed, folder)` is one try.
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from damaged_files import LIMITS, WHOLE, damaged_file
from numpy.typing import NDArray

from nscweb.core.errors import NscwebError
from nscweb.core.findings import FindingLog
from nscweb.core.samples import Sample
from nscweb.io.decode.image import decode
from nscweb.io.sheets.sample_sheets import apply_sheet, read_sheet
from nscweb.io.survey.survey import survey

TRIES = 150
KNOWN = [Sample("RA_1d_r1"), Sample("NT3_3d_r2")]


def check_pixels(pixels: NDArray[Any]) -> None:
    assert pixels.dtype.kind in "uif" and pixels.dtype.isnative
    assert min(pixels.shape[-2:]) >= 8 and max(pixels.shape[-2:]) <= LIMITS.max_image_side
    assert np.isfinite(pixels).all() and pixels.nbytes <= 8 * LIMITS.max_member_bytes


def check_refusal(error: NscwebError) -> None:
    assert error.code.startswith("E-") and error.what and error.what.strip().endswith(".")
    assert "Traceback" not in str(error) and len(str(error)) < 1500


def read_image(name: str, data: bytes, folder: Path) -> None:
    try:
        pages = decode(data, name, LIMITS, FindingLog())
        assert 1 <= len(pages) == len(set(pages.names))
        for plane in range(min(len(pages), 4)):
            pixels = pages.load(plane)
            assert pixels.ndim == 2
            check_pixels(pixels)
    except NscwebError as error:
        check_refusal(error)


def read_cells(name: str, data: bytes, folder: Path) -> None:
    path = folder / name
    path.write_bytes(data)
    there = sorted(file.name for file in folder.iterdir())
    log = FindingLog()
    try:
        with survey([path], LIMITS, log) as found:
            for sample in found.samples:
                for cell in found.read(sample, None, log):
                    assert cell.pixels.ndim == 3 and len(cell.pixels) == len(cell.channels)
                    check_pixels(cell.pixels)
            assert found.members == found.images + found.skipped + found.ignored
            assert log.count("skip") == found.skipped
    except NscwebError as error:
        check_refusal(error)
    for finding in log:
        assert finding.message.endswith(".") and finding.message.isprintable()
    assert sorted(file.name for file in folder.iterdir()) == there


def read_table(name: str, data: bytes, folder: Path) -> None:
    log = FindingLog()
    try:
        rows = read_sheet(data, name, log, LIMITS)
        assert rows and all(row.sample for row in rows)
        assert len(apply_sheet(KNOWN, rows, log)) == len(KNOWN)
    except NscwebError as error:
        check_refusal(error)


READ: dict[str, Callable[[str, bytes, Path], None]] = {
    **dict.fromkeys(("tiff", "png", "bmp", "jpeg"), read_image),
    **dict.fromkeys(("zip", "npz"), read_cells),
    **dict.fromkeys(("csv", "xlsx", "ods", "xls"), read_table),
}


def damage_once(kind: str, seed: int, folder: Path) -> None:
    """Read one damaged file; AssertionError, or whatever escaped, when a promise is broken."""
    READ[kind](*damaged_file(kind, seed), folder)


@pytest.mark.parametrize("kind", list(READ))
def test_damage_of_any_kind_ends_in_cells_or_in_a_sentence(kind: str, tmp_path: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for seed in range(TRIES):
        try:
            damage_once(kind, seed, tmp_path)
        except BaseException as error:
            error.add_note(f"{kind} seed {seed}")
            raise
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / (
        2**20 if sys.platform == "darwin" else 1024
    )
    assert grown < 300, f"{grown:.0f} MB"


@pytest.mark.parametrize("kind", list(READ))
def test_without_damage_every_file_is_read(kind: str, tmp_path: Path) -> None:
    for name, data in WHOLE[kind]:
        log = FindingLog()
        if READ[kind] is read_table:
            assert len(read_sheet(data, name, log, LIMITS)) == 2
        elif READ[kind] is read_image:
            assert min(decode(data, name, LIMITS, log).load(0).shape) == 33
        else:
            (tmp_path / name).write_bytes(data)
            with survey([tmp_path / name], LIMITS, log) as found:
                assert sum(1 for sample in found.samples for _ in found.read(sample, None, log)) >= 3
