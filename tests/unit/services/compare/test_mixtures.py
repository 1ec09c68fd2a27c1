"""Known mixtures are recovered, counted labels are not, and no held-out sample is on both sides."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from known_model import CLASSES, drawn_cells, known_model

from nscweb.core.errors import InputRefused, WrongUse
from nscweb.services.compare import mixtures
from nscweb.services.compare.mixtures import MIXTURE_COLUMNS, run_mixtures, times_of_mixtures


@pytest.fixture(scope="module")
def entry(tmp_path_factory):
    return known_model(tmp_path_factory.mktemp("models") / "known")


def test_many_ratios_are_recovered_better_than_labels_are_counted(entry):
    found = run_mixtures(entry, mixtures=60, cells=800)
    assert tuple(found.table.columns) == MIXTURE_COLUMNS
    assert len(found.table) == 180
    assert found.refused == 0
    assert found.error < found.naive_error / 2
    assert found.coverage > 0.88
    totals = found.table.groupby("mixture")[["true", "recovered", "naive"]].sum()
    np.testing.assert_allclose(totals, 1, atol=1e-6)
    assert set(found.table["time_h"]) == {24.0, 72.0}
    assert "60 mixtures of 800 held-out simulated cells" in found.sentence
    again = run_mixtures(entry, mixtures=60, cells=800)
    assert again.table.equals(found.table)


def test_one_ratio_and_one_time_can_be_asked_for(entry):
    assert times_of_mixtures(entry) == (24.0, 72.0)
    found = run_mixtures(entry, ratio={"neuron": 30, "astrocyte": 70}, mixtures=4, cells=300, time_h=72.0)
    assert set(found.table["time_h"]) == {72.0}
    truth = found.table.groupby("class")["true"].first()
    assert truth["neuron"] == pytest.approx(0.3)
    assert truth["oligodendrocyte"] == 0


def test_no_sample_is_on_both_sides(entry, monkeypatch):
    seen = []
    held = drawn_cells()
    mark = {score.tobytes(): sample for score, sample in zip(held.scores, held.samples, strict=True)}
    assert len(mark) > 11_000
    right = mixtures._mix

    def watched(part, *rest):
        made = right(part, *rest)
        seen.append((set(part.samples.tolist()), len(made)))
        return made

    monkeypatch.setattr(mixtures, "_mix", watched)
    run_mixtures(entry, mixtures=5, cells=100)
    assert len(seen) == 5
    assert all(len(samples) == 12 and cells == 100 for samples, cells in seen)
    assert seen[0][0] | seen[1][0] == set(range(24))


def test_a_model_that_cannot_tell_its_classes_says_so(tmp_path):
    flat = known_model(tmp_path / "flat", drawn_cells(apart=0.0))
    found = run_mixtures(flat, mixtures=5, cells=100)
    assert found.refused == 5
    assert np.isnan(found.coverage)
    assert "hardly tells" in found.sentence


def test_what_cannot_be_mixed_is_refused_with_a_sentence(entry, tmp_path):
    with pytest.raises(WrongUse, match="no class"):
        run_mixtures(entry, ratio={"muscle": 1})
    with pytest.raises(WrongUse, match="above 0"):
        run_mixtures(entry, ratio={"neuron": 0})
    with pytest.raises(WrongUse, match="cells"):
        run_mixtures(entry, cells=3)
    with pytest.raises(WrongUse, match="mixtures"):
        run_mixtures(entry, mixtures=0)
    with pytest.raises(WrongUse, match="24 h, 72 h"):
        run_mixtures(entry, time_h=48.0)
    bare = replace(entry, card=replace(entry.card, held_out={}))
    with pytest.raises(InputRefused, match="nscweb models audit known"):
        run_mixtures(bare)
    few = known_model(tmp_path / "few", drawn_cells(600, samples=3))
    with pytest.raises(InputRefused, match="two held-out samples"):
        run_mixtures(few)
    assert entry.card.classes.names == CLASSES
