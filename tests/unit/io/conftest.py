"""Builders of small zips and images, and one way to import something and count what happened."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from nscweb.core.cells import CellImage
from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.io.survey.survey import Survey, survey
from nscweb.simulation.small_tiff import tiff_bytes


@dataclass
class Imported:
    """What an import of a path gave."""

    cells: dict[str, list[CellImage]]
    log: FindingLog
    found: Survey

    def codes(self, level: str = "") -> set[str]:
        return {finding.code for finding in self.log if not level or finding.level == level}

    @property
    def all_cells(self) -> list[CellImage]:
        return [cell for cells in self.cells.values() for cell in cells]


@pytest.fixture
def take() -> Callable[..., Imported]:
    """Import paths, all channels or some, and check that every file is accounted for."""

    def run(
        *paths: Path,
        channels: Sequence[str] | None = None,
        needed: str = "",
        limits: Limits | None = None,
        class_from_folder: bool = False,
    ) -> Imported:
        log = FindingLog()
        with survey(paths, limits or Limits(), log, class_from_folder=class_from_folder) as found:
            cells = {sample.name: list(found.read(sample, channels, log, needed=needed)) for sample in found.samples}
        assert found.members == found.images + found.skipped + found.ignored
        assert log.count("skip") == found.skipped
        return Imported(cells, log, found)

    return run


@pytest.fixture
def tiff() -> Callable[..., bytes]:
    """A 16-bit TIFF of a noisy cell on a bright, even background."""

    def make(number: int = 0, shape: tuple[int, int] = (40, 60), level: int = 800, channel: str = "Ch1") -> bytes:
        rng = np.random.default_rng(number)
        pixels = rng.normal(level, level * 0.02, shape)
        pixels[shape[0] // 2 - 5 : shape[0] // 2 + 5, 20:30] *= 0.5
        return tiff_bytes(pixels.astype(np.uint16), channel)

    return make


@pytest.fixture
def make_zip(tmp_path: Path) -> Callable[..., Path]:
    """A zip of the given (name, content) pairs."""

    def make(members: Sequence[tuple[str, bytes]], name: str = "export.zip") -> Path:
        path = tmp_path / name
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for member, data in members:
                archive.writestr(member, data)
        return path

    return make
