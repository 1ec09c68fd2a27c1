"""The commands that scripts rely on: shapes of their JSON, exit codes, and nothing else on standard output."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from nscweb.cli.main import COMMANDS, app

KEYS = {"study", "samples", "imported", "skipped", "ignored", "findings"}


def nscweb(folder: Path, *arguments: object) -> Result:
    """Run one command on a data folder."""
    return CliRunner().invoke(app, ["--data-dir", str(folder), *map(str, arguments)])


def answer(result: Result) -> dict[str, Any]:
    """The one JSON object on standard output."""
    assert len(result.stdout.strip().splitlines()) == 1, result.stdout
    found = json.loads(result.stdout)
    assert isinstance(found, dict)
    assert "Traceback" not in result.stderr
    return found


def test_help_names_every_command_and_torch_is_not_loaded() -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from nscweb.cli.main import app;"
        "print(CliRunner().invoke(app, ['--help']).output);"
        "sys.exit(any(name in sys.modules for name in ('torch', 'streamlit', 'pandas', 'sqlalchemy')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert all(f"\n  {name}" in done.stdout for name in COMMANDS)


def test_simulate_writes_export_and_truth(tmp_path: Path) -> None:
    out, truth = tmp_path / "new" / "s.zip", tmp_path / "truth.csv"
    result = CliRunner().invoke(
        app, ["simulate", str(out), "--cells", "90", "--seed", "2", "--truth", str(truth), "--json"]
    )
    found = answer(result)
    assert (result.exit_code, found["cells"], found["simulated"]) == (0, 90, True)
    assert len(truth.read_text("utf-8").splitlines()) == 91
    with zipfile.ZipFile(out) as archive:
        assert len(archive.namelist()) == found["members"] == 360


def test_the_road_from_simulation_to_a_listed_study(tmp_path: Path) -> None:
    out = tmp_path / "s.zip"
    CliRunner().invoke(app, ["simulate", str(out), "--cells", "81", "--seed", "1"])
    result = nscweb(tmp_path / "data", "study", "import", out, "--name", "Screen 1", "--json")
    found = answer(result)
    assert result.exit_code == 0 and set(found) == KEYS | {"understood"}
    assert (found["study"], found["samples"], found["imported"]) == ("Screen 1", 81, 81)
    listed = answer(nscweb(tmp_path / "data", "study", "list", "--json"))
    assert [study["name"] for study in listed["studies"]] == ["Screen 1"]
    assert listed["studies"][0]["cells"] == 81 and listed["studies"][0]["simulated"]

    sheet = tmp_path / "sheet.csv"
    assert nscweb(tmp_path / "data", "study", "sheet", "Screen 1", "--out", sheet).exit_code == 0
    lines = sheet.read_text("utf-8-sig").splitlines()
    assert len(lines) == 82
    sheet.write_text("\n".join(lines).replace("NT4", "Other"), "utf-8")
    xlsx = nscweb(tmp_path / "data", "study", "sheet", "Screen 1", "--out", tmp_path / "s.xlsx", "--json")
    assert answer(xlsx)["study"] == "Screen 1" and (tmp_path / "s.xlsx").read_bytes()[:2] == b"PK"
    assert nscweb(tmp_path / "data", "study", "sheet", "Screen 1", "--out", tmp_path / "s.pdf").exit_code == 2
    assert nscweb(tmp_path / "data", "study", "sheet", "Screen 1").exit_code == 2

    again = nscweb(tmp_path / "data", "study", "import", out, "--name", "Screen 1", "--json")
    assert again.exit_code == 1 and answer(again)["findings"][0]["code"] == "E-STUDY-EXISTS"

    renamed = nscweb(tmp_path / "data", "study", "rename", "Screen 1", "Screen 2", "--json")
    assert answer(renamed)["before"] == "Screen 1" and answer(renamed)["study"] == "Screen 2"
    assert nscweb(tmp_path / "data", "study", "rename", "Screen 1", "x", "--json").exit_code == 1
    assert nscweb(tmp_path / "data", "study", "rename", "Screen 2", "Screen 1").output.strip().endswith("Screen 1.")

    assert nscweb(tmp_path / "data", "study", "delete", "Screen 1", "--json").exit_code == 0
    assert answer(nscweb(tmp_path / "data", "study", "list", "--json")) == {"studies": []}
    gone = nscweb(tmp_path / "data", "study", "delete", "Screen 1", "--json")
    assert gone.exit_code == 1 and answer(gone)["error"]["code"] == "E-STUDY-NOT-FOUND"


def test_real_images_from_a_folder_with_a_changed_sheet(tmp_path: Path, shared: Path) -> None:
    folder = shared / "data/zhu2021/named_bmp"
    found = answer(nscweb(tmp_path, "study", "import", folder, "--name", "zhu", "--channel", "Ch1", "--json"))
    assert (found["imported"], found["skipped"]) == (12, 0)
    sheet = tmp_path / "zhu.csv"
    nscweb(tmp_path, "study", "sheet", "zhu", "--out", sheet)
    head, *rows = sheet.read_text("utf-8-sig").splitlines()
    sheet.write_text("\n".join([head, *rows, rows[0].replace(rows[0].split(",")[0], "nobody")]), "utf-8")
    changed = nscweb(tmp_path, "study", "sheet", "zhu", "--apply", sheet, "--json")
    assert changed.exit_code == 0
    assert answer(changed)["stored"] and answer(changed)["findings"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["study", "import", "{none}", "--name", "x", "--json"], 2),
        (["study", "import", "{text}", "--name", "x", "--json"], 1),
        (["study", "import", "{text}", "--name", "", "--json"], 2),
        (["study", "import", "{text}", "--name", "x", "--class-from", "stars", "--json"], 2),
    ],
)
def test_refusals_keep_the_shape_and_the_exit_code(tmp_path: Path, arguments: list[str], code: int) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("no image")
    given = [item.format(none=tmp_path / "none.zip", text=text) for item in arguments]
    result = nscweb(tmp_path / "data", *given)
    found = answer(result)
    assert result.exit_code == code and set(found) == KEYS
    assert found["imported"] == 0 and found["findings"][0]["level"] == "refuse"


def test_wrong_options_are_exit_code_2(tmp_path: Path) -> None:
    for arguments in (["study", "import"], ["simulate", "x.zip", "--cells", "no"], ["nonsense"], ["study", "x"]):
        assert nscweb(tmp_path, *arguments).exit_code == 2


def test_a_fault_of_ours_is_one_sentence_with_an_id_in_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        print("a library that talks")
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr("nscweb.services.study.study.list_studies", broken)
    result = nscweb(tmp_path, "study", "list", "--json")
    error = answer(result)["error"]
    assert result.exit_code == 1 and error["code"] == "E-UNEXPECTED" and "secret" not in result.stdout
    assert "Traceback" not in result.stderr and "secret" not in result.stderr
    log = (tmp_path / "logs" / "errors.log").read_text("utf-8")
    assert "ZeroDivisionError: secret detail" in log
    assert log.split("]")[0].strip("[") in error["message"]


def test_a_true_process_prints_json_and_nothing_else(tmp_path: Path, shared: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "nscweb",
        "study",
        "import",
        str(shared / "data/ideas_ometif"),
        "--name",
        "ideas",
        "--json",
    ]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "NSCWEB_DATA_DIR": str(tmp_path / "data")},
    )
    found = json.loads(done.stdout)
    assert done.returncode == 0 and set(found) == KEYS | {"understood"} and found["imported"] == 24
    assert "FILLORDER" not in done.stderr and "Traceback" not in done.stderr
    assert (tmp_path / "data" / "catalogue.sqlite").exists()


def test_a_sheet_with_titles_and_names_of_a_laboratory(tmp_path: Path) -> None:
    CliRunner().invoke(app, ["simulate", str(tmp_path / "cells.zip"), "--cells", "81", "--seed", "1"])
    data = tmp_path / "data"
    nscweb(data, "study", "import", tmp_path / "cells.zip", "--name", "S", "--json")
    nscweb(data, "study", "sheet", "S", "--out", tmp_path / "out.csv")
    names = [line.split(",")[0] for line in (tmp_path / "out.csv").read_text("utf-8-sig").splitlines()[1:]]
    sheet = tmp_path / "lab.csv"
    sheet.write_text("File;Farbe;Zeit\n" + "".join(f"D:\\x\\{name}.zip;rot;3\n" for name in names), "utf-8")
    found = answer(nscweb(data, "study", "sheet", "S", "--apply", sheet, "--json"))
    assert (found["changed"], found["rows"], found["matched"]) == (0, 81, 81) and not found["stored"]
    assert "path" in found["matched_how"] and found["not_understood"] == {"Farbe": "group"}
    unit = nscweb(
        data, "study", "sheet", "S", "--apply", sheet, "--time-unit", "d", "--column", "Farbe=group", "--json"
    )
    assert unit.exit_code == 0 and answer(unit)["changed"] == 81
    assert "E-SHEET-TIME-UNIT" not in {finding["code"] for finding in answer(unit)["findings"]}
    text = nscweb(data, "study", "sheet", "S", "--apply", sheet, "--column", "Farbe=colour")
    assert text.exit_code == 2 and "cannot be" in text.output
    sheet.write_text("sample,group\nnobody,x\n", "utf-8")
    gone = nscweb(data, "study", "sheet", "S", "--apply", sheet, "--json")
    assert gone.exit_code == 1 and answer(gone)["error"]["code"] == "E-SHEET-NO-MATCH"
    sheet.write_text("sample,well\n" + "".join(f"{name},A{n}\n" for n, name in enumerate(names[:20], 1)), "utf-8")
    nscweb(data, "study", "sheet", "S", "--apply", sheet)
    (tmp_path / "map.txt").write_text("X\tY\n", "utf-8")
    mapped = answer(nscweb(data, "study", "sheet", "S", "--plate-map", tmp_path / "map.txt", "--json"))
    assert mapped["changed"] == 2 and mapped["stored"]


def test_a_sheet_is_undone_with_everything_that_was_said_with_it(tmp_path: Path) -> None:
    CliRunner().invoke(app, ["simulate", str(tmp_path / "cells.zip"), "--cells", "81", "--seed", "1"])
    data, sheet, out = tmp_path / "data", tmp_path / "lab.csv", tmp_path / "out.csv"
    nscweb(data, "study", "import", tmp_path / "cells.zip", "--name", "S")
    assert nscweb(data, "study", "sheet", "S", "--undo").exit_code == 2
    nscweb(data, "study", "sheet", "S", "--out", out)
    before = out.read_bytes()
    names = [line.split(",")[0] for line in before.decode("utf-8-sig").splitlines()[1:]]
    sheet.write_text("sample,Farbe,Zeit\n" + "".join(f"{name},rot,3\n" for name in names), "utf-8")
    nscweb(data, "study", "sheet", "S", "--apply", sheet, "--time-unit", "d", "--column", "Farbe=group")
    both = nscweb(data, "study", "sheet", "S", "--undo", "--apply", sheet)
    assert both.exit_code == 2 and "stands alone" in both.output
    undone = nscweb(data, "study", "sheet", "S", "--undo", "--out", out)
    assert undone.exit_code == 0 and "Undone: 81 samples as before" in undone.output
    assert out.read_bytes() == before
    again = answer(nscweb(data, "study", "sheet", "S", "--undo", "--json"))
    assert again["changed"] == 81 and again["stored"]


def test_the_card_says_what_the_import_warned_of(tmp_path: Path) -> None:
    for place in ("C1/1.png", "C1/2.png", "C2/1.png", "C2/2.png"):
        (tmp_path / "in" / "NT3_1d" / place).parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(len(place)).integers(90, 160, (32, 32), np.uint8)
        cv2.imwrite(str(tmp_path / "in" / "NT3_1d" / place), pixels)
    assert nscweb(tmp_path / "d", "study", "import", tmp_path / "in", "--name", "S").exit_code == 0
    card = nscweb(tmp_path / "d", "study", "understand", "S", "--json")
    assert "W-NAME-SETS" in [item["code"] for item in answer(card)["findings"]]
    assert "were taken as channels of the same cells" in card.stderr


def test_a_merge_says_what_is_gone_and_shows_the_card(tmp_path: Path) -> None:
    for study, sample in (("S", "NT3_1d_r1"), ("T", "NT3_1d_r2")):
        folder = tmp_path / study / sample
        folder.mkdir(parents=True)
        for number in range(1, 4):
            pixels = np.random.default_rng(number).normal(128, 4, (40, 40)).astype(np.uint8)
            cv2.circle(pixels, (20, 20), 9, 190, -1)
            cv2.imwrite(str(folder / f"x_{number}_Ch1.png"), pixels)
        assert nscweb(tmp_path / "data", "study", "import", folder.parent, "--name", study).exit_code == 0
    shown = nscweb(tmp_path / "data", "study", "merge", "S", "T")
    assert "T was deleted, which had no run." in shown.stdout and "Doubt 1: 1 sample hold" in shown.stdout
    refused = nscweb(tmp_path / "data", "study", "merge", "S", "T")
    assert refused.exit_code != 0
