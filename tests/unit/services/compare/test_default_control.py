"""A control that the sheet marks is the default control of page, command and report alike."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from drawn_runs import drawn_run, grid
from streamlit.testing.v1 import AppTest
from typer.testing import CliRunner

from nscweb.cli.main import app as command
from nscweb.core.run_record import Run
from nscweb.services.compare.compare_request import CompareRequest
from nscweb.services.compare.comparison import comparison
from nscweb.services.context import App, open_app
from nscweb.services.report.content import report_data
from nscweb.services.report.scope import ReportRequest
from nscweb.settings import Settings

_PAGE = """
from pathlib import Path
from nscweb.services.compare.dashboard import dashboard_data
from nscweb.services.context import open_app
from nscweb.evaluation.ratios.cell_filters import Filters
from nscweb.settings import Settings
from nscweb.ui.compare import question

app = open_app(Settings.from_environment({{}}, Path({folder!r})))
run = app.catalogue.run({run!r})
question.ask(app, run, dashboard_data(app, run).options, Filters())
"""


def _marked(folder: Path, *groups: str) -> tuple[App, Run]:
    app = open_app(Settings.from_environment({}, folder))
    run = drawn_run(app, "Compared", grid(3, (24, 72), 3), cells=60)
    samples = app.catalogue.study(run.study_id).samples
    changed = [sample.with_changes(control=True) for sample in samples if sample.group in groups]
    app.catalogue.update_samples(run.study_id, changed)
    return app, run


def _everywhere(app: App, run: Run, folder: Path, *options: str) -> list[str]:
    """Control of the service, of the command, of the report and of the box on the page."""
    said = CliRunner().invoke(command, ["compare", "Compared", *options, "--json", "--data-dir", str(folder)])
    assert said.exit_code == 0, said.output
    page = AppTest.from_string(_PAGE.format(folder=str(folder), run=run.run_id), default_timeout=60).run()
    box = next(item for item in page.selectbox if item.label == "Compared with")
    return [
        comparison(app, run).control,
        json.loads(said.stdout)["control"],
        report_data(app, run, ReportRequest()).found.control,
        str(box.value),
    ]


@pytest.mark.parametrize(("marked", "control"), [(("LDH-NT3",), "LDH-NT3"), ((), ""), (("NT3", "LDH-NT3"), "")])
def test_the_sheet_decides_alike(tmp_path: Path, marked: tuple[str, ...], control: str) -> None:
    app, run = _marked(tmp_path, *marked)
    assert _everywhere(app, run, tmp_path) == [control] * 4


def test_every_pair_can_be_asked_for_all_the_same(tmp_path: Path) -> None:
    app, run = _marked(tmp_path, "NT3")
    assert comparison(app, run, CompareRequest(control="")).control == ""
    asked = ["compare", "Compared", "--control", "", "--json", "--data-dir", str(tmp_path)]
    assert json.loads(CliRunner().invoke(command, asked).stdout)["control"] == ""
