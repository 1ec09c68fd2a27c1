"""Import of real files and simulated exports: every image is accounted for, nothing half is ever visible."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from asked import import_study

from nscweb.core.errors import JobCancelled, StudyExists, StudyNotFound, WrongUse
from nscweb.core.findings import Finding
from nscweb.services.context import App
from nscweb.services.study import import_samples, import_staging
from nscweb.services.study.import_request import ImportRefused, ImportReport
from nscweb.services.study.simulate import simulate
from nscweb.services.study.study import findings_of, get_study, list_studies, quality_table
from nscweb.store.cell_files import CellFile


def zipped(folder: Path, out: Path, inside: str = "") -> Path:
    """All files of a folder in a zip."""
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.iterdir()):
            if path.is_file():
                archive.write(path, f"{inside}{path.name}")
    return out


def check(report: ImportReport) -> None:
    """What holds for every import."""
    assert report.members == report.images + report.skipped + report.ignored
    assert set(report.as_dict()) == {"study", "samples", "imported", "skipped", "ignored", "findings"}
    for finding in report.as_dict()["findings"]:
        assert set(finding) == {"level", "code", "message", "where"}


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """A simulated export: 36 cells of four groups in two channels."""
    out = tmp_path / "export.zip"
    simulate(out, cells=36, seed=3, channels=("Ch1", "Ch2"), truth=tmp_path / "truth.csv")
    return out


def test_the_real_zhu_images_import_as_folder_and_as_zip(opened: App, shared: Path, tmp_path: Path) -> None:
    folder = shared / "data/zhu2021/named_bmp"
    loose = import_study(opened, [folder], "loose")
    packed = import_study(opened, [zipped(folder, tmp_path / "z.zip")], "packed")
    for report in (loose, packed):
        check(report)
        assert (report.imported, report.skipped) == (12, 0)
        study = get_study(opened, report.study)
        assert study.channel == "Ch1" and study.cells == 12 and not study.simulated
        keys = opened.catalogue.sample_keys(study.study_id)
        numbers: list[int] = []
        for sample in study.samples:
            with CellFile(opened.folder.cells_path(study.study_id, keys[sample.name])) as cells:
                numbers += [int(number) for number in cells.object_numbers]
                for image in cells.images("Ch1"):
                    assert image is not None and image.dtype == np.uint8 and image.shape[2] == 60
        assert sorted(numbers) == [1, 1, 3, 7, 8, 10, 11, 14, 19, 22, 29, 52]


def test_the_real_ideas_export_keeps_24_cells_in_three_channels(opened: App, shared: Path) -> None:
    report = import_study(opened, [shared / "data/ideas_ometif"], "ideas")
    check(report)
    assert (report.imported, report.images, report.skipped) == (24, 72, 0)
    study = get_study(opened, "ideas")
    assert study.channel in ("Ch1", "Ch9") and set(study.channels) == {"Ch1", "Ch6", "Ch9"}
    one = import_study(opened, [shared / "data/ideas_ometif"], "one", channel="ch1", channels=["Ch1"])
    check(one)
    assert (one.imported, one.images, one.ignored) == (24, 24, 48)
    assert get_study(opened, "one").channels == ("Ch1",)


def test_the_real_jurkat_tiles_come_in_with_their_classes(opened: App, shared: Path) -> None:
    report = import_study(opened, [shared / "data/jurkat_cycle/brightfield_tiles.npz"], "jurkat")
    check(report)
    study = get_study(opened, "jurkat")
    assert report.imported == study.cells == 2278
    by_class = {sample.true_class: sample.cells for sample in study.samples}
    assert by_class["G1"] == 600 and by_class["Anaphase"] == 9 and len(by_class) == 7


def test_names_fill_the_sheet_and_the_study_is_known_as_simulated(opened: App, export: Path) -> None:
    report = import_study(opened, [export], "sim")
    check(report)
    study = get_study(opened, "sim")
    assert (report.imported, report.samples, study.simulated) == (36, 36, True)
    sample = study.sample("NT3_5d_rep2")
    assert (sample.group, sample.time_h, sample.replicate) == ("NT3", 120.0, "2")


def test_quality_is_measured_row_by_row(opened: App, export: Path) -> None:
    import_study(opened, [export], "sim")
    study = get_study(opened, "sim")
    keys = opened.catalogue.sample_keys(study.study_id)
    name = study.samples[0].name
    table = quality_table(opened, "sim", name)
    with CellFile(opened.folder.cells_path(study.study_id, keys[name])) as cells:
        assert list(zip(table["height"], table["width"], strict=True)) == [tuple(f) for f in cells.frames]
    assert table["flags"].dtype == np.int64


def test_a_damaged_image_is_skipped_listed_and_kept_in_the_csv(opened: App, shared: Path, tmp_path: Path) -> None:
    source = shared / "data/zhu2021/named_bmp"
    folder = tmp_path / "cells"
    folder.mkdir()
    for path in source.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "a_1d1_99_Ch1.ome.bmp").write_bytes(b"BM, but no more")
    report = import_study(opened, [folder], "damaged")
    check(report)
    assert (report.imported, report.skipped) == (12, 1)
    (skipped,) = (finding for finding in findings_of(opened, "damaged") if finding.level == "skip")
    assert skipped.where.endswith("a_1d1_99_Ch1.ome.bmp")


def test_what_holds_no_cell_is_refused_with_a_report_and_leaves_nothing(opened: App, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "notes.txt").write_text("hello")
    with pytest.raises(ImportRefused) as caught:
        import_study(opened, [tmp_path / "in"], "nothing")
    report = caught.value.report
    assert report.imported == 0 and report.findings[0].level == "refuse"
    assert not list_studies(opened) and not opened.catalogue.unfinished_studies()
    assert [p for p in (opened.folder.root / "studies").iterdir() if p.is_dir()] == []


def test_a_study_name_is_given_once(opened: App, export: Path) -> None:
    import_study(opened, [export], "sim")
    with pytest.raises(StudyExists, match="delete"):
        import_study(opened, [export], " sim ")


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": " "},
        {"name": "a\nb"},
        {"name": "x" * 300},
        {"paths": []},
        {"paths": [Path("/no/such/file")]},
        {"channel": "Ch77"},
        {"channels": ["Ch1", "Ch77"]},
        {"pixel_size_um": 0.0},
        {"sheet": Path("/no/sheet.csv")},
    ],
)
def test_wrong_use_is_told_and_leaves_nothing(opened: App, export: Path, wrong: dict[str, object]) -> None:
    arguments = {"paths": [export], "name": "x", **wrong}
    with pytest.raises(WrongUse):
        import_study(opened, arguments.pop("paths"), arguments.pop("name"), **arguments)  # type: ignore[arg-type]
    assert not opened.catalogue.unfinished_studies() and not list_studies(opened)


def test_a_sheet_given_at_import_is_applied_and_gaps_are_listed(opened: App, export: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.csv"
    sheet.write_text(
        "sample,inducer group,time,replicate,true class\nNT3_1d_rep1,Neurotrophin,12 h,007,neuron\nnobody,x,1 d,1,\n",
        "utf-8",
    )
    report = import_study(opened, [export], "sim", sheet=sheet)
    sample = get_study(opened, "sim").sample("NT3_1d_rep1")
    assert (sample.group, sample.time_h, sample.replicate, sample.true_class) == ("Neurotrophin", 12.0, "007", "neuron")
    assert any("nobody" in finding.where + finding.message for finding in report.findings)


def test_a_sheet_that_cannot_be_understood_refuses_the_import_before_it_begins(
    opened: App, export: Path, tmp_path: Path
) -> None:
    sheet = tmp_path / "sheet.csv"
    sheet.write_text("sample,time\nNT3_1d_rep1,soon\n", "utf-8")
    steps: list[str] = []
    with pytest.raises(ImportRefused, match=r"sheet\.csv") as caught:
        import_study(opened, [export], "sim", sheet=sheet, progress=lambda d, t, step="": steps.append(step))
    assert any("NT3_1d_rep1" in finding.where for finding in caught.value.report.findings)
    assert not any("Importing" in step for step in steps) and not opened.catalogue.unfinished_studies()


def test_the_class_is_taken_from_the_folder_when_asked(opened: App, tmp_path: Path) -> None:
    simulate(tmp_path / "pure.zip", cells=15, seed=2, pure=True, channels=("Ch1",))
    folder = tmp_path / "set"
    with zipfile.ZipFile(tmp_path / "pure.zip") as archive:
        for number, name in enumerate(archive.namelist()):
            place = folder / ("neuron" if name.startswith("neuron") else "other")
            place.mkdir(parents=True, exist_ok=True)
            (place / f"x_{number}_Ch1.ome.tif").write_bytes(archive.read(name))
    report = import_study(opened, [folder], "labelled", class_from_folder=True)
    check(report)
    found = {sample.true_class: sample.cells for sample in get_study(opened, "labelled").samples}
    assert found == {"neuron": 5, "other": 10}


def test_a_cancelled_import_is_hidden_and_goes_on_where_it_was(
    opened: App, export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def cancel() -> bool:
        return sum(step.startswith("Importing") for step in seen) >= 20

    with pytest.raises(JobCancelled):
        import_study(opened, [export], "sim", cancel=cancel, progress=lambda d, t, s="": seen.append(s))
    assert not list_studies(opened)
    with pytest.raises(StudyNotFound):
        get_study(opened, "sim")
    ((hidden, _, _),) = opened.catalogue.unfinished_studies()
    read = import_samples._read_sample
    again: list[str] = []
    monkeypatch.setattr(import_samples, "_read_sample", lambda w, s, key: (again.append(s.name), read(w, s, key))[1])
    report = import_study(opened, [export], "sim")
    check(report)
    assert report.study_id == hidden and report.imported == 36 and 0 < len(again) <= 16
    assert tables_of(opened, "sim") == tables_of_fresh(opened, export)


def tables_of(app: App, name: str) -> list[str]:
    """Digests of all cell files of a study."""
    study = get_study(app, name)
    keys = app.catalogue.sample_keys(study.study_id)
    digests = []
    for sample in study.samples:
        with CellFile(app.folder.cells_path(study.study_id, keys[sample.name])) as cells:
            digests.append(f"{sample.name} {len(cells)} {cells.sha256()}")
    return digests


def tables_of_fresh(app: App, export: Path) -> list[str]:
    """The same of an import that nobody disturbed."""
    import_study(app, [export], "undisturbed")
    return tables_of(app, "undisturbed")


def test_other_files_under_the_name_of_an_unfinished_import_start_anew(
    opened: App, export: Path, tmp_path: Path
) -> None:
    with pytest.raises(JobCancelled):
        import_study(opened, [export], "sim", cancel=lambda: True)
    other = tmp_path / "other.zip"
    simulate(other, cells=9, seed=8, channels=("Ch1",))
    report = import_study(opened, [other], "sim")
    assert report.imported == 9 and not opened.catalogue.unfinished_studies()


def test_an_import_that_nobody_takes_up_again_is_removed_after_a_week(opened: App, export: Path) -> None:
    with pytest.raises(JobCancelled):
        import_study(opened, [export], "sim", cancel=lambda: True)
    assert import_staging.clean_imports(opened) == 1  # nothing was read yet, so nothing is lost
    with import_staging.staged(opened, "kept", "k") as staging:
        staging.set_mark(0, import_staging.SampleMark("s", "", 0, 0, 0, 0, ()))
    assert import_staging.clean_imports(opened) == 0
    assert import_staging.clean_imports(opened, keep_seconds=-60) == 1
    assert not opened.catalogue.unfinished_studies() and not staging.folder.exists()


def test_two_imports_of_one_name_at_once_do_not_mix(opened: App, export: Path) -> None:
    with import_staging.staged(opened, "sim", "k"), pytest.raises(StudyExists, match="moment"):
        import_study(opened, [export], "sim")


def test_progress_counts_cells_up_to_the_end(opened: App, export: Path) -> None:
    seen: list[tuple[int, int, str]] = []
    import_study(opened, [export], "sim", progress=lambda done, total, step="": seen.append((done, total, step)))
    counted = [item[:2] for item in seen if item[2].startswith("Importing")]
    assert counted[-1] == (36, 36) and counted == sorted(counted)


def test_a_cell_without_brightfield_image_has_no_quality_numbers() -> None:
    from nscweb.services.study.quality import Quality

    quality = Quality()
    rng = np.random.default_rng(0)
    quality.add([None, rng.normal(100, 2, (30, 30)).astype(np.float32)])
    table = quality.table()
    assert pd.isna(table.loc[0, "focus"]) and table.loc[0, "flags"] == 0
    assert np.isfinite(table.loc[1, "background"])


def test_a_mark_that_was_cut_off_is_read_again(opened: App, tmp_path: Path) -> None:
    with import_staging.staged(opened, "x", "k") as staging:
        mark = import_staging.SampleMark("s", "c000001", 3, 3, 0, 0, (Finding("warn", "W", "m", "w"),))
        staging.set_mark(0, mark)
        assert staging.mark(0) == mark and staging.mark(1) is None
        (staging.folder / "import" / "000001.json").write_text(json.dumps({"name": "s"})[:-3])
        assert staging.mark(1) is None
