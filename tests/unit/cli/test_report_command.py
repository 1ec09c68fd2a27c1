"""`nscweb report` writes what was asked for: filters, fate and time stand in the file."""

from __future__ import annotations

from pathlib import Path

from drawn_runs import drawn_run, grid
from typer.testing import CliRunner

from nscweb.cli.main import app as command
from nscweb.services.context import open_app
from nscweb.services.report.rerun_folder import read_report
from nscweb.settings import Settings


def test_filters_and_what_the_answer_is_about_are_in_the_file(tmp_path: Path) -> None:
    app = open_app(Settings.from_environment({}, tmp_path))
    drawn_run(app, "Told", grid(3, (24, 72), 3), cells=60)
    path = tmp_path / "told.xlsx"
    asked = ["report", "Told", "--format", "xlsx", "--out", str(path), "--no-cells", "--data-dir", str(tmp_path)]
    more = ["--only-group", "NT3", "--only-group", "RA+SHH", "--fate", "astrocyte", "--time", "1d", "--control", "NT3"]
    result = CliRunner().invoke(command, [*asked, *more])
    assert result.exit_code == 0, result.output
    stated = read_report(path)
    assert stated.provenance["filters_in_words"] == "only groups NT3, RA+SHH"
    assert stated.provenance["asked"]["fate"] == "astrocyte" and stated.provenance["asked"]["time_h"] == 24.0
    assert set(stated.tables["Groups"]["group"]) == {"NT3", "RA+SHH"}
    assert set(stated.tables["All comparisons"]["compared_with"]) == {"NT3"}
    for extra, words in (
        (["--fate", "glia"], "has no class 'glia'"),
        (["--control", "nobody"], "No counted cell is of the group"),
        (["--time", "soon"], "The time point cannot be read"),
        (["--time", "-3h"], "The time point cannot be read"),
        (["--time", "9d"], "No sample of this study is of 9 d. There are: 1 d"),
        (["--only-time", "99999999d"], "a time point lies between"),
        (["--only-time", "9d"], "no time point '9 d'. There are: 1 d, 3 d."),
        (["--only-group", "NT33"], "no group 'NT33'. There are: LDH-NT3"),
        (["--only-replicate", "4"], "no replicate '4'. There are: 1, 2, 3."),
    ):
        result = CliRunner().invoke(command, [*asked, *extra])
        assert result.exit_code == 2 and words in result.output
