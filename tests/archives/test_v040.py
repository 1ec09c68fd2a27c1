"""Data folder, model folder and report of version 0.4.0: they open, predict again, compare and are made again."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from archives.v040 import MODEL, RUN, STUDY, opened_data, unpacked
from asked import predict_study, report_data, write_report

from nscweb.core.card import read_card
from nscweb.services.compare.compare import compare_groups
from nscweb.services.compare.compare_request import CompareRequest
from nscweb.services.compare.comparison import answer_of
from nscweb.services.context import App
from nscweb.services.models import list_models
from nscweb.services.predict.runs import get_run, prediction_table
from nscweb.services.report.rerun import rerun
from nscweb.services.report.rerun_compare import TABLES
from nscweb.services.report.rerun_folder import table_of_040
from nscweb.services.study.study import get_study


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpacked(tmp_path_factory.mktemp("v040"))


@pytest.fixture(scope="module")
def app(folder: Path) -> App:
    return opened_data(folder)


def test_study_and_run_are_there(app: App) -> None:
    study, run = get_study(app, STUDY), get_run(app, RUN)
    assert len(study.samples) == 12 and sum(sample.cells for sample in study.samples) == 96
    assert {sample.group for sample in study.samples if sample.control} == {"Control"}
    assert (run.model, run.cells, run.provenance.versions["nscweb"]) == (MODEL, 96, "0.4.0")
    table = prediction_table(app, run)
    assert len(table) == 96 and np.allclose(table[[f"p_{name}" for name in run.class_names]].sum(axis=1), 1)


def test_its_comparison_says_what_0_4_0_said(app: App, folder: Path) -> None:
    said = json.loads((folder / "expected.json").read_text("utf-8"))["compared"]
    # Its command passed over the control of the sheet, this one takes it.
    assert "higher than the control Control by" in compare_groups(app, RUN, CompareRequest()).found.sentences[0]
    compared = compare_groups(app, RUN, CompareRequest(control=""))
    answer = answer_of(compared.found, compared.fate, compared.time_h)
    assert (answer.headline, list(answer.order)) == (said["answer"], said["order"])
    changed = [pair for pair in zip(said["sentences"], compared.found.sentences, strict=True) if pair[0] != pair[1]]
    ((was, now),) = changed
    assert was.startswith("NT3 is higher than every other group that can be trusted and tested from day 1 on")
    assert now == "NT3 is higher than Control from day 1 on, the first time point."
    tables = report_data(app, RUN).leaving()
    for name in ("Samples", "Groups", "Tests"):
        was = table_of_040(name, pd.read_csv(folder / "compared" / f"{name.lower()}.csv", keep_default_na=False))
        now = tables[name][list(was.columns)]
        for column in was.columns:
            numbers = [pd.to_numeric(table[column], errors="coerce") for table in (was, now)]
            if numbers[0].notna().any():
                np.testing.assert_allclose(*numbers, atol=1e-9, err_msg=f"{name}: {column}")


def test_it_predicts_again_with_the_same_scores(app: App) -> None:
    was = prediction_table(app, RUN).set_index("cell_id")
    run = predict_study(app, STUDY, MODEL)
    assert run.run_id != RUN and run.provenance.weights_sha256 == get_run(app, RUN).provenance.weights_sha256
    now = prediction_table(app, run).set_index("cell_id").loc[was.index]
    scores = [f"p_{name}" for name in run.class_names]
    # float32 of another machine, and another batch.
    np.testing.assert_allclose(now[scores], was[scores], atol=1e-4)
    assert (now["predicted"].astype(str) == was["predicted"].astype(str)).mean() > 0.98


def test_its_model_folder_opens_with_a_full_card(app: App, folder: Path) -> None:
    (entry,) = list_models(app)
    assert entry.card == read_card(folder / "data" / "models" / MODEL).card
    assert entry.card.name == MODEL and entry.card.performance.metric("accuracy").cells > 0
    assert entry.card.audit["sentence"] and entry.card.origin.command.startswith("nscweb train Labelled")


@pytest.mark.parametrize("form", ["zip", "html", "xlsx"])
def test_its_report_is_made_again(app: App, folder: Path, tmp_path: Path, form: str) -> None:
    """Numbers that follow the same rules are the same; tables with another rule are named with what changed."""
    report = folder / "report.zip"
    if form != "zip":
        report = tmp_path / f"report.{form}"
        with zipfile.ZipFile(folder / "report.zip") as archive:
            report.write_bytes(archive.read(report.name))
    result = rerun(app, report)
    differ = {check.name for check in result.checks if not check.same}
    assert len(result.checks) == {"zip": 17, "html": 3, "xlsx": 17}[form]
    assert differ == (set() if form == "html" else {"Time course", "Earliest day"})
    assert any("nscweb 0.4.0 then" in reason for reason in result.reasons)
    for name in differ:
        assert f"Another rule for {name}: since {TABLES[name][0]}" in result.sentence


def test_its_report_by_maximum_likelihood_is_made_again(app: App, folder: Path, tmp_path: Path) -> None:
    """0.4.0 wrote the same tables under EM: its model has too few held-out cells, so that labels were counted."""
    report = tmp_path / "em.zip"
    with zipfile.ZipFile(folder / "report.zip") as was, zipfile.ZipFile(report, "w") as archive:
        for name in was.namelist():
            content = was.read(name)
            if name == "provenance.json":
                made = json.loads(content)
                made["counting"]["asked"] = "em"
                content = json.dumps(made).encode("utf-8")
            archive.writestr(name, content)
    result = rerun(app, report)
    assert {check.name for check in result.checks if not check.same} == {"Time course", "Earliest day"}
    assert not any("maximum likelihood" in reason for reason in result.reasons)


def test_a_new_report_of_an_old_run(app: App, tmp_path: Path) -> None:
    path = write_report(app, RUN, "zip", tmp_path / "new.zip")
    with zipfile.ZipFile(path) as archive:
        groups = pd.read_csv(io.BytesIO(archive.read("groups.csv")))
    assert "mean_percent" in groups and (groups["model"] == "small 1").all()
    assert rerun(app, path).same
