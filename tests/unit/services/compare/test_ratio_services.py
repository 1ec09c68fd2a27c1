"""Corrected ratios of a run: which cells measure the model, which are counted, and what is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from drawn_runs import FATES, drawn_held_out, drawn_run

from nscweb.core.card import CardEntry, read_card
from nscweb.core.errors import ModelError, WrongUse
from nscweb.core.run_record import Run
from nscweb.evaluation.groups.means import group_estimates
from nscweb.evaluation.ratios.cell_filters import Filters
from nscweb.evaluation.ratios.estimates import GROUP_ESTIMATE_COLUMNS
from nscweb.evaluation.scores.held_out import HeldOut
from nscweb.services.compare import known_part, ratios
from nscweb.services.context import App
from nscweb.services.report.content import file_place
from nscweb.services.report.scope import ReportRequest

SHARE = [0.1, 0.15, 0.75]


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> HeldOut:
    held = drawn_held_out((24.0, 72.0), cells=3000, sharpness=1.4)
    monkeypatch.setattr(ratios, "known_cells", lambda app, run: held)
    return held


@pytest.fixture
def run(opened: App) -> Run:
    shares = {(name, 24.0, number): SHARE for name in ("NGF", "NT4") for number in (1, 2, 3)}
    return drawn_run(opened, "Ratios", shares, cells=1500, sharpness=1.4)


@pytest.fixture
def entry(project: Path) -> CardEntry:
    return read_card(project / "weights" / "nsc-simulated-compact")


def test_ratios_are_corrected_and_kept_in_memory(opened: App, run: Run, known: HeldOut) -> None:
    found = ratios.estimates_of(opened, run)
    assert found.method == "pacc"
    assert ratios.held_out_of(opened, run) is known
    neuron = found.table[found.table["class"] == "neuron"]
    assert abs(neuron["ratio"].mean() - 0.75) < 0.03 < abs(neuron["naive"].mean() - 0.75)
    assert ratios.estimates_of(opened, run, Filters()) is found
    counted = ratios.estimates_of(opened, run, method="naive")
    np.testing.assert_allclose(counted.table["ratio"], found.table["naive"])
    by_group = group_estimates(found)
    assert tuple(by_group.columns) == GROUP_ESTIMATE_COLUMNS
    inside = by_group[by_group["class"] == "neuron"]
    assert (inside["low"] <= 0.75).all() and (inside["high"] >= 0.75).all()
    with pytest.raises(WrongUse):
        ratios.estimates_of(opened, run, method="magic")


def test_other_known_cells_give_other_numbers(
    opened: App, run: Run, known: HeldOut, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = ratios.estimates_of(opened, run)
    other = drawn_held_out((24.0,), cells=1200, sharpness=1.4, seed=5)
    monkeypatch.setattr(ratios, "known_cells", lambda app, run: other)
    assert not ratios.estimates_of(opened, run).table.equals(found.table)


def test_filters_choose_samples_and_confidence_is_left_to_counts(opened: App, run: Run, known: HeldOut) -> None:
    whole = ratios.estimates_of(opened, run)
    one = ratios.estimates_of(opened, run, Filters(groups=("NGF",)))
    assert set(one.table["group"]) == {"NGF"}
    sure = ratios.estimates_of(opened, run, Filters(min_confidence=0.8))
    assert sure.table.equals(whole.table)
    assert "80 %" in sure.sentence and "80 %" not in whole.sentence
    counted = ratios.estimates_of(opened, run, Filters(min_confidence=0.8), "naive")
    assert counted.table["cells"].iloc[0] < 1500
    assert "filter by confidence" not in counted.sentence


def test_the_confusion_of_a_card_stands_in(
    opened: App, run: Run, entry: CardEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ratios, "known_cells", lambda app, run: None)
    monkeypatch.setattr("nscweb.services.predict.runs.model_of_run", lambda app, run: entry)
    held = ratios.held_out_of(opened, run)
    assert held is not None
    table = np.zeros((3, 3), np.int64)
    here = held.times == 24.0
    np.add.at(table, (held.labels[here], held.scores[here].argmax(axis=1)), 1)
    np.testing.assert_array_equal(table, entry.card.performance.confusion_by_time["24"])
    found = ratios.estimates_of(opened, run)
    assert found.method == "acc"
    assert "never seen" in found.sentence and "Only the confusion matrix" in found.sentence
    assert ratios.held_out_from_confusion(entry, ("x", "y", "z")) is None
    plain = replace(entry.card.performance, confusion_by_time={})
    without_times = ratios.held_out_from_confusion(replace(entry, card=replace(entry.card, performance=plain)), FATES)
    assert without_times is not None and np.isnan(without_times.times).all()
    nothing = replace(plain, confusion=())
    assert ratios.held_out_from_confusion(replace(entry, card=replace(entry.card, performance=nothing)), FATES) is None


def test_without_a_model_labels_are_counted(opened: App, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    found = ratios.estimates_of(opened, run)
    assert found.method == "naive"
    assert "cannot be corrected" in found.sentence

    def damaged(app: App, run: Run) -> HeldOut:
        raise ModelError("The file is damaged.")

    monkeypatch.setattr(ratios, "known_cells", damaged)
    assert ratios.held_out_of(opened, run) is None


def test_a_kept_report_is_made_anew_when_the_held_out_cells_change(
    opened: App, run: Run, known: HeldOut, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = file_place(opened, run, ReportRequest())
    assert file_place(opened, run, ReportRequest()) == first
    other = drawn_held_out((24.0,), cells=1200, sharpness=1.4, seed=5)
    monkeypatch.setattr(ratios, "known_cells", lambda app, run: other)
    assert file_place(opened, run, ReportRequest()) != first


def test_em_is_offered_only_where_scores_are_honest_enough(opened: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unsure cells whose scores are sure of a wrong class: no calibration mends that."""
    held = drawn_held_out((24.0,), cells=3000, sharpness=1.4)
    run = drawn_run(opened, "Offered", {("NGF", 24.0, number): SHARE for number in (1, 2)}, cells=200, sharpness=1.4)
    monkeypatch.setattr(ratios, "known_cells", lambda app, run: held)
    assert known_part.why_no_em(opened, run) == ""
    unsure = held.scores.max(axis=1) < 0.9
    named = held.scores == held.scores.max(axis=1, keepdims=True)
    wrong = np.where(np.roll(named, 1, axis=1), 0.98, 0.01)
    bad = replace(held, scores=np.asarray(np.where(unsure[:, None], wrong, held.scores), np.float32))
    monkeypatch.setattr(ratios, "known_cells", lambda app, run: bad)
    refused = known_part.why_no_em(opened, run)
    assert "Mean scores (PACC)" in refused
    found = ratios.estimates_of(opened, run, method="em")
    assert (found.method, found.instead) == ("pacc", refused)
    monkeypatch.setattr(ratios, "known_cells", lambda app, run: None)
    assert known_part.why_no_em(opened, run) == ""


def test_the_card_says_what_its_held_out_cells_cost(entry: CardEntry) -> None:
    worth, em = known_part.known_lines(entry)
    assert "In a sample of 500 cells" in worth and "1,000 more labelled cells of each class" in worth
    assert "Maximum likelihood (EM)" in em and "12 h" in em
