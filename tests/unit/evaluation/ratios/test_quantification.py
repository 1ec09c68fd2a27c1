"""Counted, adjusted and most likely shares: against another library, published numbers, and awkward cases."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nscweb.evaluation.ratios.quantification import (
    adjusted_shares,
    em_shares,
    flatness,
    free_shares,
    one_hot,
    project_to_simplex,
)

# Recall of Kim 2023 in cross-validation: sensitivity 0.991, specificity 0.643.
KIM = np.array([[0.991, 0.009], [0.357, 0.643]])
# Recalls like those of CG-RecNet (98 / 90 / 97 %), the rest spread evenly.
CG = np.array([[0.984, 0.008, 0.008], [0.055, 0.89, 0.055], [0.015, 0.015, 0.97]])


def scored(rng: np.random.Generator, labels: NDArray[Any], size: int, skill: float = 2.0) -> NDArray[np.float32]:
    """Calibrated scores of cells drawn around their class."""
    points = rng.normal(size=(len(labels), size)) + skill * np.eye(size)[labels]
    odds = np.exp(skill * points)
    return np.asarray(odds / odds.sum(axis=1, keepdims=True), np.float32)


def means_by_class(features, labels, classes):
    return np.stack([features[labels == name].mean(axis=0, dtype=np.float64) for name in range(classes)])


@pytest.mark.parametrize("size", [2, 3, 5])
def test_the_same_as_quapy(size: int) -> None:
    from quapy.method.aggregative import ACC, EMQ, PACC

    rng = np.random.default_rng(size)
    labels = rng.integers(0, size, 1500)
    known = scored(rng, labels, size, 1.3)
    for share in rng.dirichlet(np.ones(size), 4):
        seen = scored(rng, rng.choice(size, 700, p=share), size, 1.3)
        for theirs, matrix, observed in (
            (
                ACC.getPteCondEstim(np.arange(size), labels, known.argmax(axis=1)),
                means_by_class(one_hot(known.argmax(axis=1), size), labels, size),
                np.bincount(seen.argmax(axis=1), minlength=size) / len(seen),
            ),
            (
                PACC.getPteCondEstim(np.arange(size), labels, known),
                means_by_class(known, labels, size),
                seen.mean(axis=0, dtype=np.float64),
            ),
        ):
            np.testing.assert_allclose(theirs.T, matrix, atol=1e-6)
            found = ACC.solve_adjustment(theirs, observed, method="inversion", solver="minimize")
            np.testing.assert_allclose(adjusted_shares(matrix, observed), found, atol=2e-3)
        expected, _ = EMQ.EM(np.full(size, 1 / size), seen.astype(np.float64), epsilon=1e-7)
        np.testing.assert_allclose(em_shares(seen), expected, atol=1e-3)


def test_half_positives_are_counted_as_two_thirds_and_corrected() -> None:
    observed = np.array([0.5, 0.5]) @ KIM
    assert observed[0] == pytest.approx(0.674)
    np.testing.assert_allclose(adjusted_shares(KIM, observed), [0.5, 0.5], atol=1e-6)


def test_a_minority_fate_at_recalls_of_cg_recnet() -> None:
    true = np.array([0.9, 0.05, 0.05])
    observed = true @ CG
    assert abs(observed[2] / true[2] - 1) > 0.15
    np.testing.assert_allclose(adjusted_shares(CG, observed), true, atol=1e-6)


def test_outside_the_triangle_the_nearest_point_is_found() -> None:
    """Against a fine grid over all possible shares."""
    rng = np.random.default_rng(3)
    grid = np.stack(np.meshgrid(np.linspace(0, 1, 201), np.linspace(0, 1, 201)), axis=-1).reshape(-1, 2)
    grid = np.column_stack([grid, 1 - grid.sum(axis=1)])
    grid = grid[grid[:, 2] >= -1e-9]
    matrices, seen = rng.dirichlet(np.ones(3), (20, 3)), rng.dirichlet(np.full(3, 0.3), 20)
    for matrix, observed, share in zip(matrices, seen, adjusted_shares(matrices, seen), strict=True):
        best = ((grid @ matrix - observed) ** 2).sum(axis=1).min()
        assert ((share @ matrix - observed) ** 2).sum() <= best + 1e-9
        assert share.min() >= 0
        assert share.sum() == pytest.approx(1)


def test_many_classes_take_another_way_to_the_same_place() -> None:
    rng = np.random.default_rng(5)
    matrix = 0.6 * np.eye(9) + 0.4 * rng.dirichlet(np.ones(9), 9)
    true = rng.dirichlet(np.ones(9))
    np.testing.assert_allclose(adjusted_shares(matrix, true @ matrix), true, atol=1e-5)
    corner = adjusted_shares(matrix, np.eye(9)[2])
    assert corner.argmax() == 2
    assert corner.sum() == pytest.approx(1)


def test_free_shares_may_leave_the_simplex_but_keep_their_sum() -> None:
    found = free_shares(KIM, np.array([[1.0, 0.0], [0.2, 0.8]]))
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)
    assert found[0, 0] > 1
    assert found[1, 0] < 0


def test_projection_leaves_shares_alone() -> None:
    share = np.array([[0.2, 0.5, 0.3], [1.0, 0.0, 0.0]])
    np.testing.assert_allclose(project_to_simplex(share), share)
    np.testing.assert_allclose(project_to_simplex(np.array([2.0, -1.0, 0.0])), [1, 0, 0])


def test_em_of_a_class_that_is_absent_and_of_no_cells() -> None:
    rng = np.random.default_rng(8)
    scores = scored(rng, np.zeros(4000, np.int64), 3)
    share = em_shares(scores)
    assert share[0] > 0.97
    assert np.isnan(em_shares(np.zeros((0, 3)))).all()
    weights = np.stack([np.ones(4000), np.zeros(4000)])
    both = em_shares(scores, weights=weights)
    np.testing.assert_allclose(both[0], share, atol=1e-6)
    assert np.isnan(both[1]).all()


def test_em_undoes_another_prior() -> None:
    rng = np.random.default_rng(9)
    scores = scored(rng, rng.choice(3, 3000, p=[0.6, 0.3, 0.1]), 3).astype(np.float64)
    prior = np.array([0.7, 0.2, 0.1])
    skewed = scores * prior
    skewed /= skewed.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(em_shares(skewed, prior), em_shares(scores), atol=1e-5)


def test_flatness_names_the_classes_that_look_the_same() -> None:
    names = ("astrocyte", "oligodendrocyte", "neuron")
    matrix = np.array([[0.4, 0.2, 0.4], [0.05, 0.9, 0.05], [0.4, 0.21, 0.39]])
    found = flatness(matrix, matrix[None], names)
    assert found.flat
    assert found.alike == ("astrocyte", "neuron")
    assert flatness(np.full((3, 3), 1 / 3), np.zeros((0, 3, 3)), names).alike == names
    sure = flatness(CG, CG[None], names)
    assert not sure.flat
    assert sure.alike == ()


def test_flatness_by_rounds_that_turn_over() -> None:
    matrix = np.array([[0.56, 0.44], [0.48, 0.52]])
    noise = np.random.default_rng(0).normal(0, 0.08, (400, 2))
    drawn = matrix + np.stack([noise, -noise], axis=-1)
    assert flatness(matrix, drawn, ("a", "b")).flat
    assert not flatness(matrix, matrix + (drawn - matrix) / 10, ("a", "b")).flat
