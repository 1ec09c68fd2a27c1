"""Opening the data folder, quality per sample, changing and deleting a study, simulated exports."""

from __future__ import annotations

import hashlib
import os
import zipfile
from pathlib import Path

import pytest
from small_studies import simulated_study

from nscweb.core.errors import StoreError, StudyError, StudyNotFound, WrongUse
from nscweb.core.flags import pack
from nscweb.services.context import App, open_app
from nscweb.services.study.gates import funnel
from nscweb.services.study.import_request import findings_csv, fold, read_findings_csv
from nscweb.services.study.quality import quality_table
from nscweb.services.study.simulate import Plan, simulate, small_design
from nscweb.services.study.study import change_study, delete_study, get_study
from nscweb.settings import Settings


@pytest.mark.skipif(os.name == "nt", reason="rights of folders work differently there")
def test_a_data_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreError, match="--data-dir") as caught:
        open_app(Settings.from_environment({}, tmp_path / "file" / "data"))
    assert "\n" not in str(caught.value)


def test_quality_counts_what_the_flags_say(opened: App) -> None:
    study = simulated_study(opened, cells=120)
    table = funnel(opened, study.name)
    assert int(table["imported"].sum()) == 120
    for row in table.to_dict("records"):
        flags = quality_table(opened, study.name, row["sample"])["flags"].to_numpy()
        assert row["kept"] == int((flags == 0).sum())
        assert row["border_alone"] == int(((flags & pack(["border"])) != 0).sum())


def test_changing_the_pixel_size_keeps_everything_else(opened: App) -> None:
    study = simulated_study(opened, cells=36)
    changed = change_study(opened, study.name, channel="Ch1", pixel_size_um=0.5)
    assert changed.pixel_size_um == 0.5 and changed.samples == study.samples
    with pytest.raises(StudyError, match="Ch7"):
        change_study(opened, study.name, channel="Ch7", pixel_size_um=None)
    with pytest.raises(WrongUse):
        change_study(opened, study.name, channel="Ch1", pixel_size_um=-1.0)


def test_deleting_removes_the_study_and_its_files(opened: App) -> None:
    study = simulated_study(opened, cells=36)
    other = simulated_study(opened, "Other", cells=36)
    delete_study(opened, study.name)
    assert not opened.folder.study_dir(study.study_id).exists()
    with pytest.raises(StudyNotFound):
        get_study(opened, study.name)
    assert get_study(opened, other.study_id).cells == 36


def test_findings_survive_the_csv_and_formulas_stay_text() -> None:
    from nscweb.core.findings import Finding

    findings = [
        Finding("skip", "E-IMG-TRUNCATED", "The file is cut off.", '=HYPERLINK("x"),\n"a"'),
        Finding("warn", "W-X", "A sentence, with a comma.", "-rf.tif"),
        Finding("note", "N-X", "ä ü", "'=quoted"),
    ]
    data = findings_csv(findings)
    assert read_findings_csv(data) == findings
    assert b"\n=" not in data and b",=" not in data and b',"=' not in data


def test_many_findings_become_one_line_per_reason() -> None:
    from nscweb.core.findings import Finding

    many = [Finding("skip", "E-A", "Cut off.", f"{i}.tif") for i in range(100_000)]
    folded = fold([*many, Finding("refuse", "E-B", "Refused.", "x")])
    assert [line.code for line in folded] == ["E-B", "E-A"]
    assert "100,000" in folded[1].message and folded[1].where.startswith("0.tif")
    assert len(fold(many[:50])) == 50


def test_the_same_seed_gives_the_same_export(tmp_path: Path) -> None:
    digests = set()
    for name in ("a.zip", "b.zip"):
        done = simulate(tmp_path / name, cells=90, seed=4, truth=tmp_path / f"{name}.csv", channels=("Ch1",))
        digests.add(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
        assert (done.cells, done.members) == (90, 90)
    assert len(digests) == 1
    truth = (tmp_path / "a.zip.csv").read_text("utf-8").splitlines()
    assert len(truth) == 91


def test_a_few_cells_make_a_small_study_and_nonsense_is_wrong_use(tmp_path: Path) -> None:
    for cells in (3, 9, 30, 80, 81):
        plan = small_design(cells, False)
        assert (9 if plan.groups is None else len(plan.groups)) * 3 * plan.replicates <= cells
    assert simulate(tmp_path / "s.zip", cells=9, seed=1, channels=("Ch1",)).samples == 9
    for bad in ({"cells": 2}, {"cells": 100, "profile": "x"}, {"cells": 100, "channels": ("Ch5",)}):
        with pytest.raises(WrongUse):
            simulate(tmp_path / "bad.zip", seed=1, **bad)
    assert not (tmp_path / "bad.zip").exists()
    assert small_design(5, False) != small_design(80, False)
    sharp = simulate(tmp_path / "sharp.zip", cells=81, seed=1, channels=("Ch1",))
    blurred = simulate(
        tmp_path / "blurred.zip", cells=81, seed=1, channels=("Ch1",), plan=Plan(out_of_focus=("NT3_3d_rep2",))
    )
    with zipfile.ZipFile(tmp_path / "sharp.zip") as one, zipfile.ZipFile(tmp_path / "blurred.zip") as other:
        differ = {name.split("/")[0] for name in one.namelist() if one.read(name) != other.read(name)}
    assert sharp.samples == blurred.samples and differ == {"NT3_3d_rep2"}
