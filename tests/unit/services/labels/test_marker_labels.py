"""Labels from markers: measured, thresholds by controls and by groups, rules, spill-over, against medium and model."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from asked import predict_study
from columns_known import heads, unknown
from marker_studies import BRIGHT, CHANNELS, marker_study
from predicted import fresh_app
from small_studies import simulated_study

from nscweb.core.errors import WrongUse
from nscweb.figures.marker_histogram import marker_histogram, marker_histogram_data
from nscweb.services.labels.agreed import agreed_labels
from nscweb.services.labels.labels import add_labels, history_of, labels_of, undo_labels
from nscweb.services.labels.marker_labels import (
    agreement_sentence,
    examples,
    label_by_markers,
    light_by_kind,
    marker_against_medium,
    marker_against_prediction,
    marker_pictures,
    marker_verdicts,
)
from nscweb.services.labels.marker_table import are_measured, marker_table, markers_csv, measure_markers
from nscweb.services.labels.marker_thresholds import (
    Marker,
    MarkerSettings,
    marker_settings,
    set_markers,
    spill_over,
    thresholds,
)
from nscweb.services.report.content import report_data
from nscweb.services.report.features import feature_table
from nscweb.services.report.html_report import html_report
from nscweb.services.report.scope import ReportRequest

GFAP, NEUN = CHANNELS[1:]


@pytest.fixture(scope="module")
def stained(tmp_path_factory):
    """A measured study; nobody changes it."""
    app = fresh_app(tmp_path_factory.mktemp("stained"))
    study = marker_study(app)
    steps = []
    measure_markers(app, study.name, progress=lambda done, total, step="": steps.append((done, total, step)))
    assert steps[-1][:2] == (study.cells, study.cells) and any("control_b" in step for *_, step in steps)
    return app, study


@pytest.fixture
def own(tmp_path):
    app = fresh_app(tmp_path)
    study = marker_study(app)
    measure_markers(app, study.name)
    return app, study


def test_light_is_measured_inside_the_cell_and_is_a_table(stained):
    app, study = stained
    table = marker_table(app, study.study_id)
    assert len(table) == study.cells and are_measured(app, study)
    positive = table[table["sample"] == "control_b"].iloc[::2][f"{GFAP}_intensity"]
    assert BRIGHT * 0.5 < positive.median() < BRIGHT * 1.5
    assert abs(table[table["sample"] == "control_a"][f"{NEUN}_intensity"].median()) < 20
    features = feature_table(app, study.name)
    assert np.array_equal(features[f"{GFAP}_intensity"], table[f"{GFAP}_intensity"])
    columns = heads(markers_csv(app, study.name))
    assert not unknown(columns, CHANNELS) and f"{GFAP}_intensity" in columns


def test_markers_and_controls_are_guessed_from_channels_and_the_sheet(stained):
    app, study = stained
    settings = marker_settings(app, study.name)
    assert [(item.name, item.class_name) for item in settings.markers] == [("GFAP", "astrocyte"), ("NeuN", "neuron")]
    assert settings.unstained == ("control_a",)
    assert settings.single == {GFAP: ("control_b",), NEUN: ("control_c",)}


@pytest.mark.parametrize("method", ["auto", "controls", "mixture", "otsu"])
def test_every_method_parts_the_stained_from_the_others(stained, method):
    app, study = stained
    settings = marker_settings(app, study.name)
    settings = replace(settings, markers=tuple(replace(item, method=method) for item in settings.markers))
    found = thresholds(app, study.name, settings)
    for limit in found.values():
        assert 10 < limit.value < BRIGHT * 0.6, limit
        assert limit.method == ("controls" if method == "auto" else method)
    if method in ("auto", "controls"):
        assert "1 % of 120 control cells without GFAP" in found[GFAP].sentence
        assert re.search(r"Of 60 cells stained for it alone 5[0-3] % do\.", found[GFAP].sentence)


def test_without_controls_the_program_takes_two_groups_and_says_when_they_overlap(stained):
    app, study = stained
    bare = replace(marker_settings(app, study.name), unstained=(), single={})
    found = thresholds(app, study.name, bare)
    assert found[GFAP].method == "mixture" and found[GFAP].clean and "spreads apart" in found[GFAP].sentence
    with pytest.raises(WrongUse, match="Only 0 cells of unstained samples"):
        thresholds(app, study.name, replace(bare, markers=(replace(bare.markers[0], method="controls"),)))
    by_hand = replace(bare.markers[0], method="by hand", threshold=77.0)
    assert thresholds(app, study.name, replace(bare, markers=(by_hand,)))[GFAP].value == 77.0


def exact(app, study):
    """Thresholds between the groups: of controls one cell in a hundred may lie above."""
    settings = marker_settings(app, study.name)
    return replace(settings, markers=tuple(replace(item, method="mixture") for item in settings.markers))


def test_one_marker_names_the_class_and_double_none_and_controls_are_left_out_and_counted(own):
    app, study = own
    settings = exact(app, study)
    verdicts = marker_verdicts(app, study.name, settings)
    table = verdicts.table.set_index(["sample", "object_number"])
    for sample in study.samples[:4]:
        rows = table.loc[sample.name]
        assert rows.loc[6, "why"] == "double" and rows.loc[7, "why"] == "none"
        other = "neuron" if sample.true_class == "astrocyte" else "astrocyte"
        assert rows.loc[1, "class"] == other and rows.loc[2, "class"] == sample.true_class
    assert set(table.loc["control_b", "why"]) == {"controls"}
    assert "4 positive in two" in verdicts.sentence and "180 of control samples" in verdicts.sentence
    done = label_by_markers(app, study.name, settings)
    rows = labels_of(app, study.name)
    assert done.cells == len(rows) and set(rows["how"]) == {"marker"} and rows["judges"].all()
    note = history_of(app, study.name)["note"].iloc[0]
    assert "GFAP (Ch2 GFAP) over" in note and "is astrocyte (mixture)" in note
    assert marker_settings(app, study.name) == settings


def test_labels_from_markers_again_take_the_place_of_all_earlier_ones(own):
    app, study = own
    settings = marker_settings(app, study.name)
    first = label_by_markers(app, study.name, settings)
    only = replace(settings, markers=(settings.markers[0],))
    second = label_by_markers(app, study.name, only)
    assert second.cells < first.cells and set(labels_of(app, study.name)["class"]) == {"astrocyte"}
    undo_labels(app, study.name, "markers")
    assert set(labels_of(app, study.name)["class"]) == {"astrocyte", "neuron"}


def test_spill_over_is_named_where_a_single_stain_shows_in_two_channels(tmp_path):
    app = fresh_app(tmp_path)
    clean, spilt = marker_study(app, "clean"), marker_study(app, "spilt", spill=0.25)
    for study in (clean, spilt):
        measure_markers(app, study.name)
    assert spill_over(app, "clean", marker_settings(app, "clean")) == []
    (said,) = spill_over(app, "spilt", marker_settings(app, "spilt"))
    assert said.startswith("Spill-over: in control_b, stained for GFAP (Ch2 GFAP) alone, NeuN (Ch11 NeuN) rises")
    assert "25 % of its light" in said


def test_markers_against_medium_and_prediction(own):
    app, study = own
    assert marker_against_medium(app, study.name).empty
    label_by_markers(app, study.name, exact(app, study))
    table = marker_against_medium(app, study.name).set_index("medium")
    assert set(table.index) == {"astrocyte", "neuron"}
    # A tenth of the cells has the other fate; of 60 cells one is double and one has none.
    assert table.loc["astrocyte", "agree"] == pytest.approx(104 / 116)
    assert table.loc["neuron", "n_astrocyte"] == 12
    assert "Markers and medium say the same of 90 % of 232 cells" in agreement_sentence(table.reset_index())
    run = predict_study(app, study.name, "random")
    against = marker_against_prediction(app, run)
    shares = against.groupby("sample")[["marker", "predicted"]].sum()
    assert np.allclose(shares, 1) and set(against["sample"]) == {sample.name for sample in study.samples[:4]}
    assert np.allclose(against["difference"], against["predicted"] - against["marker"])


def test_a_person_who_sees_something_else_leaves_the_cell_out(own):
    app, study = own
    label_by_markers(app, study.name, marker_settings(app, study.name))
    row = labels_of(app, study.name).iloc[0]
    other = "neuron" if row["class"] == "astrocyte" else "astrocyte"
    add_labels(app, study.name, [row["cell_id"]], other, "hand", "Anna", drawn="uncertain")
    assert list(agreed_labels(app, study.name).disputed["cell_id"]) == [row["cell_id"]]


def test_examples_lie_on_both_sides_of_the_threshold(stained):
    app, study = stained
    limit = thresholds(app, study.name, marker_settings(app, study.name))[GFAP]
    below, above = examples(app, study.name, limit)
    light = marker_table(app, study.study_id).set_index("cell_id")[f"{GFAP}_intensity"]
    assert len(below) == len(above) == 6
    dark, bright = (np.mean(marker_pictures(app, study.name, cells, limit)) for cells in (below, above))
    assert dark < bright
    values, kinds = light_by_kind(app, study.name, marker_settings(app, study.name), GFAP)
    assert len(values) == study.cells and dict(zip(*np.unique(kinds.astype(str), return_counts=True), strict=True)) == {
        "stained": 240,
        "controls without it": 120,
        "stained for it alone": 60,
    }
    data = marker_histogram_data(values, kinds, limit.noise, limit.value)
    assert int(data["cells"].sum()) == study.cells
    over = data.loc[data["from"] > limit.value - 1e-6, "cells"].sum()
    assert int(over) == int((values > limit.value).sum())
    assert len(marker_histogram(data, limit.noise, limit.value, title="GFAP").data) == 3
    assert light[below].max() <= limit.value < light[above].min()


def test_what_makes_no_sense_is_refused(stained, tmp_path):
    app, study = stained
    with pytest.raises(WrongUse, match="no marker channel 'Ch9'"):
        set_markers(app, study.name, MarkerSettings((Marker("Ch9"),)))
    with pytest.raises(WrongUse, match="no sample 'nowhere'"):
        set_markers(app, study.name, MarkerSettings(unstained=("nowhere",)))
    with pytest.raises(WrongUse, match="stands for a class"):
        marker_verdicts(app, study.name, MarkerSettings((Marker(GFAP),)))
    other = fresh_app(tmp_path)
    bare = simulated_study(other, cells=12)
    with pytest.raises(WrongUse, match="not measured yet"):
        thresholds(other, bare.name, MarkerSettings((Marker("Ch2"),)))


def test_a_report_says_how_markers_medium_and_prediction_agree(own):
    app, study = own
    label_by_markers(app, study.name, exact(app, study))
    run = predict_study(app, study.name, "random")
    data = report_data(app, run, ReportRequest(), parts=True)
    assert list(data.tables["Markers and medium"]["medium"]) == ["astrocyte", "neuron"]
    leaving = data.leaving()
    for name in ("Markers and medium", "Markers and prediction"):
        assert not unknown(leaving[name].columns, ["astrocyte", "neuron"]), name
    assert set(leaving["Markers and medium"]["agree_percent"]) == {89.66}
    text = html_report(data)
    assert "Markers, medium and prediction" in text and "say the same of 90 % of 232 cells" in text
    undo_labels(app, study.name, "markers")
    without = report_data(app, run, ReportRequest(), parts=True)
    assert "labelled by markers" in without.missing["Markers and prediction"]
    assert "Markers, medium and prediction" not in html_report(without)
