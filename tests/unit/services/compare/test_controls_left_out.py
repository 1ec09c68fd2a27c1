"""Control samples that calibrate a run are no results of it: counted nowhere, marked in tables, told in a sentence."""

from __future__ import annotations

import io
import zipfile

import pandas as pd
import pytest
from asked import run_zip
from predicted import predicted_app

from nscweb.evaluation.ratios.cell_filters import NO_RESULT, Filters
from nscweb.services.compare.compare_request import CompareRequest
from nscweb.services.compare.comparison import comparison
from nscweb.services.compare.courses import courses_of
from nscweb.services.compare.dashboard import dashboard_data
from nscweb.services.compare.honest_scores import sets_of
from nscweb.services.compare.score_spread import score_bins
from nscweb.services.compare.statistics import TestSettings, statistics_of
from nscweb.services.predict import controls
from nscweb.services.report import export
from nscweb.services.report.rerun import rerun
from nscweb.services.report.sample_tables import samples_frame
from nscweb.ui.predict.dashboard_view import samples_table

SAID = "ontrol sample, used for calibration"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A predicted study of 12 samples, six of which are the controls."""
    app, study, run = predicted_app(tmp_path_factory.mktemp("data"), cells=480)
    names = tuple(item.name for item in controls.control_choice(app, study.name).samples if item.replicate == "1")
    before = comparison(app, run, CompareRequest(method="naive"))
    controls.use_controls(app, study.study_id, names)
    return app, study, run, names, before


def test_controls_are_in_no_count_ratio_test_or_course(made):
    app, study, run, names, before = made
    assert set(before.estimates.table["sample_id"]) >= set(names)
    found = comparison(app, run)
    others = {sample.name for sample in study.samples} - set(names)
    assert set(found.estimates.table["sample_id"]) == others
    assert set(found.data.samples.query("cells > 0")["sample_id"]) == others
    # Random weights recover no ratio; counted labels show how many replicates are behind a number.
    found = comparison(app, run, CompareRequest(method="naive"))
    assert set(found.estimates.table["sample_id"]) == others
    assert (found.groups["replicates"] == before.groups["replicates"] - 1).all()
    assert set(found.tests["n_group"]) == {1}
    statistics = statistics_of(app, run, found.replicate_rows, TestSettings())
    assert set(statistics.summary["n"]) == {1}
    assert set(courses_of(found.replicate_rows).course["n"]) == {1}
    assert set(sets_of(app, run).shares["sample_id"]) == others
    size = found.data.kept
    assert score_bins(app, run)["cells"].sum() == size * len(found.classes.names)
    assert size == found.estimates.table.drop_duplicates("sample_id")["cells"].sum()
    assert found.data.dropped[NO_RESULT] + size <= found.data.cells
    assert sum(found.data.dropped.values()) + size == found.data.cells


def test_a_sentence_says_how_many_and_why(made):
    app, _, run, names, before = made
    told = [text for text in dashboard_data(app, run).warnings if "control samples are left out" in text]
    assert len(told) == 1
    assert told[0].startswith(f"{len(names)} control samples") and names[0] in told[0]
    assert "confirm itself" in told[0]
    assert not any("control sample" in text for text in before.data.warnings)


def test_tables_and_files_mark_them(made):
    app, _, run, names, _ = made
    found = comparison(app, run)
    table = samples_frame(found).set_index("sample")
    assert table.loc[list(names), "why"].str.contains(SAID).all()
    assert not table.drop(index=list(names))["why"].str.contains(SAID).any()
    assert (table.loc[list(names), "cells"] == 0).all() and table.loc[list(names), "ratio_neuron"].isna().all()
    shown = samples_table(found, ()).set_index("Sample")
    assert shown.loc[list(names), "Note"].str.contains(SAID).all()
    assert (shown.drop(index=list(names))["Note"] == "").all()
    cells = export.cells_frame(app, run)
    mine = cells["sample"].astype(str).isin(names)
    assert (cells.loc[mine, "counted"] == "no").all()
    assert (cells["counted"] == "yes").sum() == found.data.kept


def test_the_report_says_it_and_can_be_made_again(made, tmp_path):
    app, study, run, names, _ = made
    path = run_zip(app, run, tmp_path / "report.zip")
    with zipfile.ZipFile(path) as archive:
        samples = pd.read_csv(io.BytesIO(archive.read("samples.csv")))
        said = archive.read("README.txt").decode("utf-8")
        page = archive.read("report.html").decode("utf-8")
    assert samples.loc[samples["sample"].isin(names), "why_no_ratio"].str.contains(SAID).all()
    assert "control samples are left out" in said and "control samples are left out" in page
    # Also when the controls were changed since.
    controls.use_controls(app, study.study_id, None)
    try:
        assert rerun(app, path).same
    finally:
        controls.use_controls(app, study.study_id, names)


def test_controls_that_cannot_be_used_are_counted_like_any_sample(made):
    app, study, run, names, before = made
    controls.use_controls(app, study.study_id, names[:1])
    try:
        assert controls.left_out_sentences(app, run) == ()
        found = comparison(app, run)
        assert set(found.estimates.table["sample_id"]) == set(before.estimates.table["sample_id"])
    finally:
        controls.use_controls(app, study.study_id, names)


def test_filters_come_after_the_controls(made):
    app, _, run, names, _ = made
    found = comparison(app, run, CompareRequest(Filters(replicates=("1",))))
    assert found.groups.empty and found.data.kept == 0
    assert set(found.data.samples["sample_id"]) == set(names)
    assert samples_frame(found)["why"].str.contains(SAID).all()
    assert len(export.tests_csv(found).splitlines()) >= 1
