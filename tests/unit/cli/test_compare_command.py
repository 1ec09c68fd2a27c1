"""`nscweb compare` says the answer and writes the tables of the page."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pandas as pd
from drawn_runs import drawn_run, grid
from typer.testing import CliRunner

from nscweb.cli.main import app as command
from nscweb.services.compare.comparison import answer_of, comparison
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
    found = comparison(app, run, control="NT3")
    assert said["answer"] == answer_of(found, "neuron", 24.0).headline and said["control"] == "NT3"
    assert (out / "groups.csv").read_bytes() == export.groups_csv(found)
    assert {"columns.csv", "provenance.json"} <= {path.name for path in out.iterdir()}
    tests = pd.read_csv(io.BytesIO((out / "tests.csv").read_bytes()))
    assert set(tests["compared_with"]) == {"NT3"} and len(tests) == 12


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
