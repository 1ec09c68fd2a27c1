"""Corrected ratios do not depend on the order of classes, cells, samples or held-out cells, and rise with the truth."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from drawn_scores import NAMES, drawn_cells, drawn_held_out, drawn_scores
from hypothesis import given, settings
from hypothesis import strategies as st

from nscweb.evaluation.groups.means import group_estimates, replicate_rows
from nscweb.evaluation.ratios.cell_scores import CellScores
from nscweb.evaluation.ratios.corrected import estimate
from nscweb.evaluation.ratios.estimates import Estimates
from nscweb.evaluation.ratios.quantification import adjusted_shares, em_shares
from nscweb.evaluation.scores.held_out import HeldOut

ORDERS = st.permutations(range(3))
# Maximum likelihood works on bins of scores, whose middles depend on all cells at hand.
ALMOST = 0.004
METHODS = ("pacc", "acc", "em", "naive")


@cache
def study() -> tuple[CellScores, HeldOut]:
    """Two groups of three replicates of unequal size, and held-out cells; replicate names repeat in both groups."""
    rng = np.random.default_rng(7)
    shares = rng.dirichlet([3, 2, 4], 6)
    cells = drawn_cells(rng, shares, 150, groups=["a"] * 3 + ["b"] * 3, replicates=["1", "2", "3"] * 2)
    keep = rng.random(len(cells)) < np.array([1.0, 0.3, 0.8, 1.0, 0.5, 0.9])[cells.sample]
    return cells.take(keep), drawn_held_out(rng, 3, 80)


def in_order(cells: CellScores, order: list[int]) -> CellScores:
    place = np.argsort(order)
    return replace(
        cells,
        scores=cells.scores[:, order],
        predicted=place[cells.predicted],
        true=place[cells.true],
        classes=tuple(NAMES[index] for index in order),
    )


def held_in_order(held: HeldOut, order: list[int]) -> HeldOut:
    return replace(
        held,
        scores=held.scores[:, order],
        labels=np.argsort(order)[held.labels],
        classes=tuple(NAMES[index] for index in order),
    )


def told(found: Estimates) -> pd.DataFrame:
    return found.table.sort_values(["sample_id", "class"], ignore_index=True)


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=4, deadline=None)
@given(order=ORDERS, held_order=ORDERS)
def test_the_order_of_classes_changes_nothing(method: str, order: list[int], held_order: list[int]) -> None:
    cells, held = study()
    one = estimate(cells, held, method, rounds=20)
    # The order of the held-out cells' classes alone leaves every digit; that of the run another draw of the rounds.
    same = estimate(cells, held_in_order(held, held_order), method, rounds=20)
    np.testing.assert_array_equal(told(one)[["ratio", "low", "high"]], told(same)[["ratio", "low", "high"]])
    other = estimate(in_order(cells, order), held_in_order(held, held_order), method, rounds=20)
    columns = ["ratio", "naive", "count", "cells"]
    near = ALMOST if method == "em" else 1e-6
    np.testing.assert_allclose(told(one)[columns], told(other)[columns], atol=near)
    groups = [group_estimates(item).sort_values(["group", "class"]) for item in (one, other)]
    np.testing.assert_allclose(groups[0][["mean", "sd", "sem"]], groups[1][["mean", "sd", "sem"]], atol=near)


@pytest.mark.parametrize("method", METHODS)
def test_the_order_of_cells_and_held_out_cells_changes_nothing(method: str) -> None:
    cells, held = study()
    rng = np.random.default_rng(3)
    one = estimate(cells, held, method, rounds=20)
    mixed = np.lexsort((rng.random(len(cells)), cells.sample))
    other = estimate(cells.take(mixed), held.take(rng.permutation(len(held))), method, rounds=20)
    np.testing.assert_allclose(one.table["ratio"], other.table["ratio"], atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_a_sample_does_not_depend_on_the_other_samples(method: str) -> None:
    cells, held = study()
    whole = estimate(cells, held, method, rounds=20).table
    for number, name in enumerate(cells.sample_ids):
        alone = estimate(cells.take(cells.sample == number), held, method, rounds=20).table
        both = whole.loc[whole["sample_id"] == name, "ratio"]
        np.testing.assert_allclose(alone["ratio"], both, atol=ALMOST if method == "em" else 1e-9)


def test_a_group_is_the_mean_of_its_replicates_and_not_of_its_cells() -> None:
    cells, held = study()
    found = estimate(cells, held, rounds=20)
    rows, groups = replicate_rows(found), group_estimates(found)
    assert len(rows) == 18 and (groups["replicates"] == 3).all()
    mean = rows.groupby(["group", "class"], sort=False)["ratio"].mean().to_numpy()
    np.testing.assert_allclose(groups["mean"], mean, atol=1e-12)
    sd = rows.groupby(["group", "class"], sort=False)["ratio"].std(ddof=1).to_numpy()
    np.testing.assert_allclose(groups["sd"], sd, atol=1e-12)


@given(st.integers(0, 2**32 - 1), st.floats(0.3, 1.0), st.integers(2, 5))
@settings(max_examples=40, deadline=None)
def test_more_of_a_class_never_gives_less_of_it(seed: int, skill: float, size: int) -> None:
    rng = np.random.default_rng(seed)
    matrix = skill * np.eye(size) + (1 - skill) * rng.dirichlet(np.ones(size), size)
    start, pure = rng.dirichlet(np.ones(size)), np.eye(size)[0]
    steps = np.linspace(0, 1, 9)[:, None]
    shares = adjusted_shares(matrix, ((1 - steps) * start + steps * pure) @ matrix)
    assert (np.diff(shares[:, 0]) > -1e-6).all()


@given(st.integers(0, 2**32 - 1), ORDERS)
@settings(max_examples=20, deadline=None)
def test_maximum_likelihood_keeps_the_order_of_classes_and_rises(seed: int, order: list[int]) -> None:
    rng = np.random.default_rng(seed)
    scores = drawn_scores(rng, rng.integers(0, 3, 60))
    share = em_shares(scores, rounds=3000)
    np.testing.assert_allclose(em_shares(scores[:, order], rounds=3000), share[order], atol=1e-4)
    surer = np.concatenate([scores, np.tile(np.array([[0.98, 0.01, 0.01]], np.float32), (20, 1))])
    assert em_shares(surer, rounds=3000)[0] >= share[0] - 1e-4


@pytest.mark.parametrize("method", METHODS)
def test_numbers_of_a_group_stay_when_a_filter_takes_other_groups_away(method: str) -> None:
    cells, held = study()
    alone = cells.take(np.flatnonzero(np.array(cells.groups)[cells.sample] == "b"))
    whole, part = estimate(cells, held, method), estimate(alone, held, method)
    almost = ALMOST if method == "em" else 1e-9
    one, other = told(whole), told(part)
    one = one[one["group"] == "b"].reset_index(drop=True)
    for name in ("ratio", "low", "high"):
        np.testing.assert_allclose(one[name], other[name], atol=almost)
    groups, few = group_estimates(whole), group_estimates(part)
    groups = groups[groups["group"] == "b"].reset_index(drop=True)
    for name in ("mean", "low", "high"):
        np.testing.assert_allclose(groups[name], few[name].reset_index(drop=True), atol=almost)
