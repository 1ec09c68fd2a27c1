"""kill -9 in the middle of an import: it goes on at its last finished chunk, no cell twice and none lost."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
from asked import import_study

from nscweb.services.context import App, open_app
from nscweb.services.study import import_chunks, import_pool, import_samples
from nscweb.services.study.study import get_study, list_studies, quality_table
from nscweb.settings import Settings
from nscweb.simulation.small_tiff import tiff_bytes
from nscweb.store.cell_files import CellFile

SLOW = Path(__file__).with_name("slow_import.py")
PATIENCE = 90.0


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Two samples of 1,300 and 300 cells."""
    for name, cells in (("a", 1300), ("b", 300)):
        (tmp_path / "images" / name).mkdir(parents=True)
        for number in range(cells):
            pixels = np.random.default_rng(number).normal(600, 20, (18, 20)).astype(np.uint16)
            path = tmp_path / "images" / name / f"x_{number}_Ch1.tif"
            path.write_bytes(tiff_bytes(pixels, "Ch1"))
    return tmp_path / "images"


def stored(app: App, name: str) -> list[tuple[str, str, pd.DataFrame]]:
    study = get_study(app, name)
    keys = app.catalogue.sample_keys(study.study_id)
    found = []
    for sample in study.samples:
        with CellFile(app.folder.cells_path(study.study_id, keys[sample.name])) as cells:
            assert cells.object_numbers.tolist() == list(range(sample.cells))
            found.append((sample.name, cells.sha256(), quality_table(app, name, sample.name)))
    return found


def test_a_killed_import_goes_on_at_its_last_finished_chunk(
    tmp_path: Path, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_app(Settings.from_environment({}, tmp_path / "data"))
    import_study(app, [images], "Undisturbed")
    parts = app.folder.root / "studies"

    def marks() -> set[Path]:
        return set(parts.glob("*/import/*-*.json"))

    process = subprocess.Popen([sys.executable, str(SLOW), str(app.settings.data_dir), str(images)])
    until = time.monotonic() + PATIENCE
    while len(marks()) < 2:
        assert process.poll() is None and time.monotonic() < until
        time.sleep(0.02)
    readers = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    assert readers
    _, alive = psutil.wait_procs(readers, timeout=PATIENCE)
    assert not [reader for reader in alive if reader.status() != psutil.STATUS_ZOMBIE]
    kept = {path.stem for path in marks()}
    assert 2 <= len(kept) < 7
    assert [study.name for study in list_studies(app)] == ["Undisturbed"]

    read: list[str] = []
    usual = import_pool._Driver._read
    monkeypatch.setattr(
        import_pool._Driver, "_read", lambda self, plan, make: (read.append(plan.stem.name), usual(self, plan, make))[1]
    )
    monkeypatch.setattr(import_chunks, "CHUNK_CELLS", 256)
    monkeypatch.setattr(import_samples, "FEW_CELLS", 1)
    report = import_study(replace(app, settings=replace(app.settings, threads=1)), [images], "Study")
    assert report.imported == 1600 and not set(read) & kept
    assert len(read) + len(kept) == 6 + 2  # no chunk twice, and none forgotten
    for (*one, table), (*two, other) in zip(stored(app, "Study"), stored(app, "Undisturbed"), strict=True):
        assert one == two
        pd.testing.assert_frame_equal(table, other)
