"""What more held-out cells would be worth: the promise against studies that truly have them."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_scores import drawn_cells, drawn_held_out

from nscweb.core.rules import MORE_CELLS
from nscweb.evaluation.ratios.corrected import estimate
from nscweb.evaluation.ratios.more_cells import of_a_model, with_more_cells


@pytest.mark.parametrize("method", ["acc", "pacc", "em"])
@pytest.mark.parametrize("fewer", [60, 200])
def test_the_width_promised_is_the_width_of_studies_that_have_the_cells(method: str, fewer: int) -> None:
    promised, now, truly = [], [], []
    for world in range(4):
        rng = np.random.default_rng([11, world])
        share = rng.dirichlet(np.full(3, 4.0), 15)
        cells = drawn_cells(rng, share, 400)
        few = estimate(cells, drawn_held_out(rng, 1, fewer), method, seed=world)
        many = estimate(cells, drawn_held_out(rng, 1, fewer + MORE_CELLS), method, seed=world)
        found = with_more_cells(few)
        assert found is not None
        assert (found.fewest, found.most, found.more) == (fewer, fewer, MORE_CELLS)
        measured = (few.table["high"] - few.table["low"]).mean()
        assert found.now == pytest.approx(measured, abs=1e-6)
        promised.append(found.then)
        now.append(measured)
        truly.append((many.table["high"] - many.table["low"]).mean())
    assert np.mean(truly) < 0.95 * np.mean(now)
    assert np.mean(promised) == pytest.approx(np.mean(truly), rel=0.06)


def test_where_samples_differ_more_cells_of_the_same_samples_promise_little() -> None:
    rng = np.random.default_rng(12)
    cells = drawn_cells(rng, rng.dirichlet(np.ones(3), 10), 400, light=0.5)
    found = with_more_cells(estimate(cells, drawn_held_out(rng, 4, 800, light=0.5)))
    assert found is not None
    assert found.now > found.then > 0.97 * found.now


def test_no_correction_no_promise() -> None:
    rng = np.random.default_rng(13)
    cells = drawn_cells(rng, rng.dirichlet(np.ones(3), 2), 100)
    assert with_more_cells(estimate(cells, None)) is None
    assert with_more_cells(estimate(cells, drawn_held_out(rng), "naive")) is None
    flat = drawn_held_out(rng, apart=(0.02, 2.5, 0.02))
    assert with_more_cells(estimate(drawn_cells(rng, np.eye(3), 200, apart=(0.02, 2.5, 0.02)), flat)) is None


def test_a_model_says_it_for_each_of_its_time_points() -> None:
    rng = np.random.default_rng(14)
    held = drawn_held_out(rng, 1, 150, times=(24.0, 72.0))
    found = of_a_model(held)
    assert [item.times_h for item in found] == [24.0, 72.0]
    assert all(item.now > item.then > 0 for item in found)
    assert found[0].now > found[1].now
    assert [item.times_h for item in of_a_model(held.take(held.times == 24.0))] == [24.0]
    assert of_a_model(held.take(held.labels != 1)) == []
