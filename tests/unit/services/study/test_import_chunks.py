"""An import in chunks by several processes stores what one process stores, also after kills."""

from __future__ import annotations

import sys
import threading
from dataclasses import replace
from pathlib import Path

import import_in_parts as parts
import numpy as np
import pytest
from asked import import_study

from nscweb.core.errors import DiskFull, JobCancelled, NscwebError
from nscweb.io.decode import process_objects
from nscweb.services.context import App, open_app
from nscweb.services.study import import_chunks, import_pool, import_samples
from nscweb.services.study.study import findings_of, get_study, list_studies
from nscweb.settings import Settings

HERE = Path(__file__).parents[1]


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_chunks, "CHUNK_CELLS", 256)
    monkeypatch.setattr(import_samples, "FEW_CELLS", 1)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return parts.folder_of_cells(tmp_path_factory.mktemp("in") / "cells", {"a": 700, "b": 30, "c": 257})


def with_workers(app: App, threads: int) -> App:
    return replace(app, settings=replace(app.settings, threads=threads))


def marks(app: App) -> list[Path]:
    """Marks of finished chunks of an import that is not finished."""
    return sorted((app.folder.root / "studies").glob("*/import/*-*.json"))


@pytest.fixture(scope="module")
def expected(images: Path, tmp_path_factory: pytest.TempPathFactory) -> list:
    """What one process stores of `images`."""
    settings = Settings.from_environment({"NSCWEB_THREADS": "1"}, tmp_path_factory.mktemp("one"))
    app = open_app(settings)
    with pytest.MonkeyPatch.context() as patch:
        return in_one_process(app, [images], patch)


def in_one_process(app: App, paths: list[Path], monkeypatch: pytest.MonkeyPatch, **options: object) -> list:
    with monkeypatch.context() as patch:
        patch.setattr(import_chunks, "CHUNK_CELLS", 1 << 20)
        patch.setattr(import_samples, "FEW_CELLS", 1 << 20)
        import_study(app, paths, "one process", **options)  # type: ignore[arg-type]
    return parts.everything_of(app, "one process")


@pytest.mark.parametrize("threads", [1, 3])
def test_any_number_of_processes_stores_the_same(
    opened: App, images: Path, small_chunks: None, monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    expected = in_one_process(opened, [images], monkeypatch)
    seen: list[tuple[int, int]] = []
    report = import_study(
        with_workers(opened, threads),
        [images],
        "several",
        progress=lambda done, total, step="": seen.append((done, total)) if step.startswith("Imp") else None,
    )
    assert parts.same(parts.everything_of(opened, "several"), expected)
    assert report.imported == 700 + 30 + 257 - 3 and report.members == report.images + report.skipped
    assert findings_of(opened, "several") == findings_of(opened, "one process")
    assert seen == sorted(seen) and seen[-1] == (987, 987)
    assert not (opened.folder.study_dir(report.study_id) / "import").exists()


def test_one_channel_of_a_zip_by_processes(
    opened: App, images: Path, tmp_path: Path, small_chunks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    import zipfile

    path = tmp_path / "cells.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(images.rglob("*.tif")):
            archive.write(file, file.relative_to(images).as_posix())
    expected = in_one_process(opened, [path], monkeypatch, channels=["Ch1"])
    report = import_study(with_workers(opened, 2), [path], "several", channels=["Ch1"])
    assert parts.same(parts.everything_of(opened, "several"), expected)
    assert report.ignored > 0 and report.members == report.images + report.skipped + report.ignored
    told = [finding for finding in findings_of(opened, "several") if finding.code == "N-CHANNEL-NOT-KEPT"]
    assert [finding.where for finding in told] == ["a: 630 files", "b: 27 files", "c: 231 files"]


def test_tables_are_read_by_processes_too(
    opened: App, tmp_path: Path, small_chunks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "t.npz", x=rng.integers(0, 255, (600, 20, 24), np.uint8), y=np.arange(600) % 2)
    expected = in_one_process(opened, [tmp_path / "t.npz"], monkeypatch)
    import_study(with_workers(opened, 2), [tmp_path / "t.npz"], "several")
    assert parts.same(parts.everything_of(opened, "several"), expected)


def test_a_cancelled_import_goes_on_at_its_last_finished_chunk(
    opened: App, images: Path, expected: list, small_chunks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(JobCancelled):
        import_study(opened, [images], "again", cancel=lambda: bool(marks(opened)))
    ((study_id, _, _),) = opened.catalogue.unfinished_studies()
    kept = {path.name for path in marks(opened)}
    assert (opened.folder.study_dir(study_id) / "import").exists()
    assert kept and not list_studies(opened)
    read: list[str] = []
    usual = import_pool._Driver._read
    monkeypatch.setattr(
        import_pool._Driver, "_read", lambda self, plan, make: (read.append(plan.stem.name), usual(self, plan, make))
    )
    first: list[int] = []
    import_study(
        with_workers(opened, 2),
        [images],
        "again",
        progress=lambda now, total, step="": first.append(now) if step.startswith("Imp") else None,
    )
    assert not {f"{name}.json" for name in read} & kept
    assert first[0] >= 256 * len(kept)
    assert parts.same(parts.everything_of(opened, "again"), expected)


def test_cells_that_end_their_process_are_left_out(
    opened: App, images: Path, small_chunks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_pool, "ENTRY", "import_in_parts:deadly_main")
    monkeypatch.setattr(import_pool, "PATHS", (HERE,))
    report = import_study(with_workers(opened, 2), [images], "deadly")
    skipped = [item for item in findings_of(opened, "deadly") if item.code == "E-IMG-DECODER"]
    assert sorted({item.where for item in skipped}) == [
        "a/a_20_Ch1.tif",
        "a/a_300_Ch1.tif",
        "b/a_20_Ch1.tif",
        "c/a_20_Ch1.tif",
    ]
    assert report.imported == 987 - 3 - 4 and report.members == report.images + report.skipped
    parts.everything_of(opened, "deadly")


def test_a_process_that_dies_once_costs_nothing(
    opened: App, images: Path, expected: list, tmp_path: Path, small_chunks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_pool, "ENTRY", "import_in_parts:once_main")
    monkeypatch.setattr(import_pool, "PATHS", (HERE,))
    monkeypatch.setenv("ONCE_FLAG", str(tmp_path / "flag"))
    import_study(with_workers(opened, 2), [images], "once")
    assert (tmp_path / "flag").exists()
    assert parts.same(parts.everything_of(opened, "once"), expected)


def test_without_processes_the_import_works_in_this_one(
    opened: App, images: Path, expected: list, small_chunks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_pool, "ENTRY", "import_in_parts:stillborn_main")
    monkeypatch.setattr(import_pool, "PATHS", (HERE,))
    import_study(opened, [images], "here")
    assert parts.same(parts.everything_of(opened, "here"), expected)


def test_what_cannot_be_sent_is_read_here(
    opened: App, images: Path, expected: list, small_chunks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_pool, "pack", lambda value: process_objects.pack([value, threading.Lock()]))
    import_study(opened, [images], "here")
    assert parts.same(parts.everything_of(opened, "here"), expected)


def test_too_many_dead_processes_stop_the_import_and_keep_what_is_read(
    opened: App, images: Path, small_chunks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_pool, "ENTRY", "import_in_parts:deadly_main")
    monkeypatch.setattr(import_pool, "PATHS", (HERE,))
    monkeypatch.setattr(import_pool, "MOST_DEATHS", 1)
    with pytest.raises(NscwebError, match="ended 1 times"):
        import_study(opened, [images], "stopped")
    assert len(opened.catalogue.unfinished_studies()) == 1
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("import-")]


def test_a_full_disk_in_a_process_is_told_here(
    opened: App, images: Path, small_chunks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise DiskFull("The disk is full.", "Free some space.")

    monkeypatch.setattr(import_pool._Driver, "_ask", full)
    with pytest.raises(DiskFull):
        import_study(opened, [images], "full")


def test_a_torn_part_is_read_again(
    opened: App, images: Path, expected: list, small_chunks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(JobCancelled):
        import_study(opened, [images], "torn", cancel=lambda: bool(marks(opened)))
    ((study_id, _, _),) = opened.catalogue.unfinished_studies()
    part = sorted((opened.folder.study_dir(study_id) / "import").glob("*-*.arrow"))[0]
    data = bytearray(part.read_bytes())
    data[len(data) // 2 :] = bytes(len(data) - len(data) // 2)  # what a power cut leaves
    part.write_bytes(data)
    import_study(opened, [images], "torn")
    assert parts.same(parts.everything_of(opened, "torn"), expected)


def test_plans_do_not_depend_on_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    assert import_chunks.CHUNK_CELLS % 256 == 0
    assert [import_pool.worker_count(threads) for threads in (1, 2, 64)] == [1, 2, 4]
    assert 1 <= import_pool.worker_count(None) <= 4 and sys.platform


def test_the_study_knows_its_cells(opened: App, images: Path, small_chunks: None) -> None:
    import_study(with_workers(opened, 2), [images], "known")
    assert [sample.cells for sample in get_study(opened, "known").samples] == [699, 29, 256]
