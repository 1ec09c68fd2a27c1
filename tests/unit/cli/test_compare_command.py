"""`nscweb compare` says the answer and writes the tables of the page."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pandas as pd
import pytest
from drawn_runs import drawn_held_out, drawn_run, grid
from typer.testing import CliRunner

from nscweb.cli.main import app as command
from nscweb.core.rules import MORE_CELLS
from nscweb.services.compare import ratios
from nscweb.services.compare.compare_request import CompareRequest
from nscweb.services.compare.comparison import answer_of, comparison
from nscweb.services.compare.known_part import more_cells_line
from nscweb.services.context import open_app
from nscweb.services.report import export
from nscweb.settings import Settings


def test_the_answer_and_the_tables_are_those_of_the_page(tmp_path: Path) -> None:
    app = open_app(Settings.from_environment({}, tmp_path))
    run = drawn_run(app, "Compared", grid(3, (24, 72), 3), cells=80)
    out = tmp_path / "out"
    asked = ["compare", "Compared", "--control", "NT3", "--time", "1d", "--out", str(out), "--json"]
    result = CliRunner().invoke(command, [*asked, "--data-dir", str(tmp_path)])
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    found = comparison(app, run, CompareRequest(control="NT3"))
    assert said["answer"] == answer_of(found, "neuron", 24.0).headline and said["control"] == "NT3"
    # This model came without held-out cells.
    assert said["held_out"] is None and "counted labels" in said["method_instead_of_asked"]
    assert (out / "groups.csv").read_bytes() == export.groups_csv(found)
    assert {"columns.csv", "provenance.json"} <= {path.name for path in out.iterdir()}
    tests = pd.read_csv(io.BytesIO((out / "tests.csv").read_bytes()))
    assert set(tests["compared_with"]) == {"NT3"} and len(tests) == 12


def test_what_the_number_of_held_out_cells_costs_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_app(Settings.from_environment({}, tmp_path))
    run = drawn_run(app, "Compared", grid(2, (24,), 2), cells=80)
    held = drawn_held_out((24.0,), cells=100)
    monkeypatch.setattr(ratios, "known_cells", lambda app, run: held)
    asked = ["compare", "Compared", "--data-dir", str(tmp_path)]
    told = CliRunner().invoke(command, asked)
    said = json.loads(CliRunner().invoke(command, [*asked, "--json"]).stdout)
    worth = said["held_out"]
    assert said["method_instead_of_asked"] == "" and said["method"] == "pacc"
    assert worth["mean_width_points"] > worth["mean_width_with_more_points"] > 0
    assert worth["more_of_each_class"] == MORE_CELLS
    assert worth["sentence"] == more_cells_line(comparison(app, run))
    assert "1,000 more labelled cells of each class" in told.stdout.replace("\n", " ")


def test_wrong_words_are_refused_in_plain_sentences(tmp_path: Path) -> None:
    app = open_app(Settings.from_environment({}, tmp_path))
    drawn_run(app, "Compared", grid(2, (24,), 2), cells=30)
    for extra, words in (
        (["--fate", "glia"], "has no class 'glia'"),
        (["--control", "nobody"], "No counted cell is of the group"),
        (["--time", "soon"], "The time point cannot be read"),
        (["--time", "-3h"], "The time point cannot be read"),
        (["--time", "9d"], "No sample of this study is of 9 d. There are: 1 d"),
    ):
        result = CliRunner().invoke(command, ["compare", "Compared", *extra, "--data-dir", str(tmp_path)])
        assert result.exit_code == 2 and words in result.output


@pytest.mark.parametrize(
    ("task", "option"),
    [
        *((task, option) for task in ("compare", "report") for option in ("--variance", "--method", "--adjust")),
        ("report", "--format"),
    ],
)
def test_a_bad_choice_is_refused_before_the_study_is_looked_for(task: str, option: str, tmp_path: Path) -> None:
    folder = tmp_path / "not there yet"
    found = CliRunner().invoke(command, [task, "no such study", option, "wrong", "--data-dir", str(folder)])
    assert found.exit_code == 2
    assert "called 'wrong'" in found.stderr and "Use one of" in found.stderr
    assert "no such study" not in found.stderr and not folder.exists()
