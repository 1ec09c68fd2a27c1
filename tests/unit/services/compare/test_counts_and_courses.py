"""Counts kept with a study and tested against; doses read from the sheet."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from predicted import fresh_app

from nscweb.core.classes import ClassScheme
from nscweb.core.errors import StoreError, WrongUse
from nscweb.core.samples import Sample
from nscweb.figures.differences import dose_figure
from nscweb.services.compare import courses, staining_counts
from nscweb.services.compare import doses as sheet_doses
from nscweb.services.compare.staining_counts import Count


@pytest.fixture
def study(tmp_path):
    app = fresh_app(tmp_path)
    made = app.catalogue.create_study(
        "S", app.clock(), channel="Ch1", channels=["Ch1"], simulated=True, pixel_size_um=None
    )
    return app, made


def replicates(values, group="NGF", hours=24.0):
    return pd.DataFrame(
        {
            "group": group,
            "time_h": hours,
            "replicate": [str(number) for number in range(len(values))],
            "class": "neuron",
            "ratio": values,
            "cells": 500,
        }
    )


def test_the_one_sample_test_is_pingouins():
    """ttest([5.5, 2.4, 6.8, 9.6, 4.2], 4): pingouin's documentation prints p 0.23 and the interval [2.32, 9.08].

    More digits are in the documentation of its translation to Julia: 0.234824, [2.32231, 9.07769].
    """
    values = np.array([5.5, 2.4, 6.8, 9.6, 4.2]) / 100
    row = staining_counts.compare_with_counts(replicates(values), [Count("NGF", 24.0, "neuron", percent=4.0)]).iloc[0]
    assert row["p"] == pytest.approx(0.234824, abs=1e-6)
    assert (100 * row["low"], 100 * row["high"]) == pytest.approx((2.32231, 9.07769), abs=6e-6)


def test_few_or_identical_replicates_have_a_sentence():
    count = [Count("NGF", 24.0, "neuron", percent=40.0)]
    for values, words in (([0.4, 0.5], "three replicates"), ([0.4] * 3, "same value"), ([np.nan] * 3, "Nothing")):
        row = staining_counts.compare_with_counts(replicates(values), count).iloc[0]
        assert np.isnan(row["p"]) and words in row["note"]


def test_counts_are_kept_whole_or_not_at_all(study):
    app, made = study
    assert staining_counts.counts_of(app, made) == ()
    kept = staining_counts.set_counts(app, made, [Count("NGF", 24.0, "neuron", "NeuN", 33.0, 3, "fields", "own")])
    assert staining_counts.counts_of(app, made) == kept
    table = staining_counts.counts_table(kept)
    assert staining_counts.counts_from_table(table) == kept
    for wrong in (
        Count("NGF", 24.0, "neuron", percent=101.0),
        Count("NGF", -1.0, "neuron"),
        Count("NGF", 24.0, ""),
        Count("NGF", 24.0, "neuron", n=0),
        Count("NGF", 24.0, "neuron", unit="mice"),
    ):
        with pytest.raises(WrongUse):
            staining_counts.set_counts(app, made, [wrong])
    with pytest.raises(WrongUse, match="twice"):
        staining_counts.set_counts(app, made, [*kept, *kept])
    with pytest.raises(WrongUse, match="no per cent"):
        staining_counts.counts_from_table(table.assign(percent=float("nan")))
    assert staining_counts.counts_of(app, made) == kept
    (app.folder.study_dir(made) / "counts.json").write_text("{")
    with pytest.raises(StoreError, match="cannot be read"):
        staining_counts.counts_of(app, made)


def test_published_counts_come_with_three_fields():
    found = staining_counts.published_counts(["RA/SHH", "mine"], ["Neurons", "astrocyte"])
    assert {(item.group, item.fate, item.n, item.unit) for item in found} == {("RA/SHH", "Neurons", 3, "fields")}
    assert staining_counts.published_counts(["RA/SHH"], ["astrocyte"]) == ()


@pytest.mark.parametrize(
    ("extras", "read", "unit", "words"),
    [
        ([{"dose (ng/ml)": "0"}, {"dose (ng/ml)": "2,5"}], [0.0, 2.5], "ng/ml", ""),
        ([{"Concentration": "10 nM"}, {"Concentration": "0"}], [10.0, 0.0], "nM", ""),
        ([{"dose": "1", "unit": "uM"}, {"dose": "3", "unit": "uM"}], [1.0, 3.0], "uM", ""),
        ([{"dose": "1 nM"}, {"dose": "1 uM"}], [], "", "different units"),
        ([{"dose (nM)": "much"}, {"dose (nM)": "5"}], [5.0], "nM", "not a number"),
        ([{"note": "x"}, {}], [], "", ""),
    ],
)
def test_doses_are_read_with_their_unit(study, monkeypatch, extras, read, unit, words):
    app, made = study
    app.catalogue.add_samples(
        made, [Sample(f"s{number}", group="g", extra=tuple(extra.items())) for number, extra in enumerate(extras)]
    )
    found = app.catalogue.study(made)
    monkeypatch.setattr(sheet_doses, "get_run", lambda *_: None)
    monkeypatch.setattr(sheet_doses, "study_of", lambda *_: found)
    found, said, sentence = sheet_doses.doses_of(app, "run")
    assert (list(found.values()), said) == (read, unit)
    assert words in sentence


def test_several_doses_in_one_group_are_told(study, monkeypatch):
    app, made = study
    doses = {"a": ("NGF", "1"), "b": ("NGF", "10"), "c": ("NT4 5", "5"), "d": ("NT4 5", "5"), "e": ("RA", "")}
    app.catalogue.add_samples(
        made,
        [Sample(name, group=group, time_h=24.0, extra=(("dose (nM)", dose),)) for name, (group, dose) in doses.items()],
    )
    found = app.catalogue.study(made)
    monkeypatch.setattr(sheet_doses, "get_run", lambda *_: None)
    monkeypatch.setattr(sheet_doses, "study_of", lambda *_: found)
    said = sheet_doses.mixed_doses(app, "run")
    assert "(NGF)" in said and "averages over its doses" in said
    monkeypatch.setattr(sheet_doses, "study_of", lambda *_: None)
    assert sheet_doses.mixed_doses(app, "run") == ""


def test_an_untreated_group_is_the_zero_of_every_series(study, monkeypatch):
    app, _ = study
    doses = {"u": 0.0, "a1": 1.0, "a2": 3.0, "a3": 9.0, "b1": 1.0, "b2": 10.0}
    monkeypatch.setattr(courses, "doses_of", lambda *_: (doses, "nM", ""))
    groups = {"u": "control", "a1": "NGF", "a2": "NGF", "a3": "NGF", "b1": "NT4 1", "b2": "NT4 10"}
    samples = pd.DataFrame(
        [(name, groups[name], 24.0, "1", "neuron", 0.2) for name in doses],
        columns=["sample_id", "group", "time_h", "replicate", "class", "ratio"],
    )
    found = courses.dose_response_of(app, "run", samples)
    by_series = found.points.groupby("series")["dose"].apply(list).to_dict()
    assert by_series == {"NGF": [0.0, 1.0, 3.0, 9.0], "NT4": [0.0, 1.0, 10.0]}
    assert (found.curves["note"] != "").all()


def test_a_dose_keeps_the_worst_light_and_the_cells_of_its_samples(study, monkeypatch):
    app, _ = study
    doses = {f"s{number}": float(number) for number in range(1, 5)} | {"again": 4.0}
    monkeypatch.setattr(courses, "doses_of", lambda *_: (doses, "nM", ""))
    lights = {"s2": "yellow", "s4": "green", "again": "red"}
    samples = pd.DataFrame(
        [(name, "NGF", 24.0, "1", "neuron", 0.1 * dose, 50, lights.get(name, "")) for name, dose in doses.items()],
        columns=[*courses.DOSE_SAMPLES, "light"],
    )
    found = courses.dose_response_of(app, "run", samples)
    assert found.points["light"].tolist() == ["", "yellow", "", "red"]
    assert found.points["cells"].tolist() == [50, 50, 50, 100] and found.curves["light"].tolist() == ["red"]
    classes = ClassScheme(("neuron", "astrocyte"))
    figure = dose_figure(found.points, {}, classes, unit="nM")
    signs = next(trace for trace in figure.data if trace.mode == "text")
    assert list(signs.text) == ["▲", "■"] and list(signs.x) == [2.0, 4.0]
    assert {"look closer", "do not trust"} <= {trace.name for trace in figure.data}
