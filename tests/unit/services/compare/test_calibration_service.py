"""Sets and reliability of a run: counted right, in words, from the model's held-out cells or the user's controls."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from known_model import drawn_cells, with_held_out
from predicted import predicted_app
from small_studies import simulated_study

from nscweb.core.errors import InputRefused, ModelError, WrongUse
from nscweb.evaluation.ratios.cell_filters import Filters
from nscweb.evaluation.scores.reliability import reliabilities
from nscweb.services.compare import honest_scores, honest_scores_words
from nscweb.services.models import model_by_name
from nscweb.services.predict import controls
from nscweb.services.predict.runs import prediction_table, table_version


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A data folder with a predicted study of 420 cells and a model with held-out cells."""
    app, study, run = predicted_app(tmp_path_factory.mktemp("data"), cells=420)
    entry = model_by_name(app, "random")
    held = replace(drawn_cells(6000), classes=entry.card.classes.names)
    return app, study, run, with_held_out(entry, held)


def test_shares_of_sets_add_up_and_agree_with_the_words_of_the_cells(made):
    app, _, run, _ = made
    found = honest_scores.sets_of(app, run, Filters(exclude_flags=()), 0.2)
    assert found.cells == 420
    totals = found.shares.groupby("sample_id")["share"].sum()
    np.testing.assert_allclose(totals, 1)
    assert found.shares["count"].sum() == 420
    words = honest_scores.set_words(app, run, 0.2)
    table = prediction_table(app, run)
    assert words.index.equals(table.index)
    counted = words.groupby([table["sample_id"].astype(str), words]).size()
    for row in found.shares.itertuples():
        assert counted.get((row.sample_id, row.set), 0) == row.count
    assert set(found.groups["set"]) == set(found.sets)
    assert found.groups["replicates"].max() == 2
    assert (found.groups["low"].dropna() <= found.groups["share"][found.groups["low"].notna()]).all()


def test_smaller_error_rates_give_larger_sets_and_the_promise_is_shown(made):
    app, _, run, _ = made
    sizes = []
    for alpha in (0.3, 0.1, 0.02):
        found = honest_scores.sets_of(app, run, None, alpha)
        assert found.coverage is not None
        assert np.abs(found.coverage.kept - (1 - alpha)).max() < 0.03
        assert any("Tried out" in line for line in found.sentences)
        many = found.shares["set"].str.count(",| or ") + (found.shares["set"] != "none of these")
        sizes.append(float((many * found.shares["count"]).sum()))
    assert sizes == sorted(sizes)
    with pytest.raises(WrongUse):
        honest_scores.sets_of(app, run, None, 1.0)


def test_the_filter_by_confidence_does_not_hide_unsure_cells(made):
    app, _, run, _ = made
    one = honest_scores.sets_of(app, run, Filters(min_confidence=0.0))
    other = honest_scores.sets_of(app, run, Filters(min_confidence=0.9))
    assert one.shares.equals(other.shares)
    day = honest_scores.sets_of(app, run, Filters(times_h=(24.0,)))
    assert set(day.shares["time_h"]) == {24.0}


def test_reliability_is_that_of_the_held_out_cells(made):
    app, _, run, entry = made
    found = honest_scores.reliability_of(entry)
    assert found[0].cells == 6000
    assert [item.class_name for item in found[1:4]] == list(entry.card.classes.names)
    rows = honest_scores_words.reliability_rows(found)
    assert rows["cells"].sum() == 6000 * 5
    assert honest_scores.reliability_of_run(app, run)[0].ece == found[0].ece
    assert honest_scores.reliability_of(replace(entry, card=replace(entry.card, held_out={}))) == []


def test_a_model_without_or_with_damaged_scores(made, tmp_path, monkeypatch):
    app, _, run, entry = made
    bare = replace(entry, card=replace(entry.card, held_out={}))
    monkeypatch.setattr("nscweb.services.predict.runs.model_of_run", lambda app, run: bare)
    with pytest.raises(InputRefused, match="control samples"):
        honest_scores.sets_of(app, run)
    assert (honest_scores.set_words(app, run) == "").all()
    damaged = replace(entry, folder=tmp_path)
    monkeypatch.setattr("nscweb.services.predict.runs.model_of_run", lambda app, run: damaged)
    with pytest.raises(ModelError, match="nscweb models audit"):
        honest_scores.sets_of(app, run)


def test_control_samples_take_the_place_of_the_held_out_cells(made):
    app, study, run, _ = made
    choice = controls.control_choice(app, study.name)
    assert len(choice.samples) == 12
    assert choice.chosen == ()
    assert len(choice.classes) == 3
    assert controls.held_out_from_controls(app, run) is None
    before = table_version(app, run)
    names = [item.name for item in choice.samples if item.replicate == "1"]
    controls.use_controls(app, study.study_id, names)
    try:
        assert table_version(app, run) != before
        held = controls.held_out_from_controls(app, run)
        assert held is not None
        assert len(np.unique(held.samples)) == len(names)
        assert held.simulated
        assert controls.control_names(app, run) == tuple(names)
        found = honest_scores.sets_of(app, run)
        assert not set(found.shares["sample_id"]) & set(names)
        assert found.left_out == tuple(names)
        assert "control samples" in found.source
        assert "measure" in found.sentences[0]
        table = prediction_table(app, run)
        chosen = table[table["sample_id"].astype(str).isin(names) & (table["flags"] == 0)]
        assert len(held) >= len(chosen)
        controls.use_controls(app, study.study_id, names[:1])
        assert controls.held_out_from_controls(app, run) is None
        assert "cannot be used" in controls.controls_sentence(app, run)
        assert controls.control_names(app, run) == ()
    finally:
        controls.use_controls(app, study.study_id, None)
    assert table_version(app, run) == before


def test_only_samples_of_known_class_can_be_controls(made):
    app, study, _, _ = made
    with pytest.raises(WrongUse, match="not in the study"):
        controls.use_controls(app, study.study_id, ["nobody"])
    unknown = simulated_study(app, "Unknown", cells=30, truth=False)
    name = unknown.samples[0].name
    assert controls.control_choice(app, unknown.name).samples == ()
    with pytest.raises(WrongUse, match="no true class"):
        controls.use_controls(app, unknown.study_id, [name])
    first = study.samples[0]
    with pytest.raises(Exception, match="No chosen control"):
        controls.check_all_classes(app, study, [first.name], ("neuron", "astrocyte", "oligodendrocyte"))


def test_faults_that_cancel_over_time_are_told():
    held = drawn_cells(6000)
    late = held.times == 72.0
    scores = held.scores ** np.where(late, 0.4, 3.0)[:, None]
    both = replace(held, scores=(scores / scores.sum(axis=1, keepdims=True)).astype(np.float32))
    found = reliabilities(both, rounds=50)
    said = honest_scores_words.times_sentence(found)
    assert "1 d" in said
    assert "too sure" in said
    assert "too careful" in said
    assert honest_scores_words.times_sentence(reliabilities(held.take(late), rounds=50)) == ""
    # One verdict for all time points would be half wrong.
    whole = honest_scores_words.verdict(found[0], found)
    assert whole.endswith("It is too sure at 1 d, too careful at 3 d.") and "of itself" not in whole
    assert honest_scores_words.at_their_word(found[0], found) in ("no", "not at every time point")
    # A class and a time point keep their own.
    assert honest_scores_words.verdict(found[1], found) == found[1].sentence
    assert honest_scores_words.verdict(found[-1], found) == found[-1].sentence


def test_the_verdict_names_the_times_up_to_a_turn_and_then_says_later():
    held = drawn_cells(6000)
    one = reliabilities(held, rounds=20)[0]
    gaps = {12.0: 0.1, 24.0: 0.2, 48.0: -0.1, 72.0: -0.2}
    fault = {"ece": 0.2, "low": 0.1, "high": 0.3, "by_chance": 0.01}
    whole = replace(one, time_h=None, gap=0.1, **fault)
    found = [whole, *(replace(one, time_h=hours, gap=gap, **fault) for hours, gap in gaps.items())]
    said = honest_scores_words.verdict(whole, found)
    assert said.endswith("It is too sure at 12 h and 1 d, too careful later.")
    assert honest_scores_words.at_their_word(whole, found) == "no"
    fine = replace(one, time_h=72.0, gap=0.0, ece=0.001, low=0.0, high=0.002)
    assert honest_scores_words.at_their_word(fine, found) == "yes"
    found[-1] = fine
    said = honest_scores_words.verdict(whole, found)
    assert said.endswith("It is too sure at 12 h and 1 d, too careful at 2 d.")
