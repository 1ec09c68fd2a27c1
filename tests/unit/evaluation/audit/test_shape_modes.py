"""Shape modes: known shapes are recovered, whatever their place, size, direction and first point."""

from __future__ import annotations

import numpy as np
import pytest

from nscweb.core.errors import InputRefused, WrongUse
from nscweb.evaluation.audit.shape_modes import ALL, POINTS, aligned, entropy, resample, shape_modes


def _circle(turn: np.ndarray) -> np.ndarray:
    return np.stack([np.cos(turn), np.sin(turn)], axis=1)


def _ellipse(turn: np.ndarray) -> np.ndarray:
    return _circle(turn) * [3.0, 0.8]


def _triangle(turn: np.ndarray) -> np.ndarray:
    return _circle(turn) * (1 + 0.35 * np.cos(3 * turn))[:, None]


SHAPES = (_circle, _ellipse, _triangle)


def _drawn(kind: int, rng: np.random.Generator) -> np.ndarray:
    """A noisy copy somewhere, of some size, turned, starting anywhere, in either sense of rotation."""
    count = int(rng.integers(60, 200))
    turn = np.sort(rng.uniform(0, 2 * np.pi, count))
    points = SHAPES[kind](np.roll(turn, int(rng.integers(count))))
    angle = rng.uniform(0, 2 * np.pi)
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = points @ matrix * rng.uniform(5, 40) + rng.uniform(0, 200, 2)
    points = points[::-1] if rng.uniform() < 0.5 else points
    return points * (1 + rng.normal(0, 0.002, points.shape))


def test_three_known_shapes_are_three_modes() -> None:
    rng = np.random.default_rng(0)
    kinds = np.repeat([0, 1, 2], [60, 40, 20])
    contours = [_drawn(kind, rng) for kind in kinds]
    found = shape_modes(contours, ["S1" if i % 2 else "S2" for i in range(120)], modes=3, seed=1)
    # The commonest first: circles, ellipses, triangles; each cell in the mode of its shape.
    assert found.labels.tolist() == kinds.tolist()
    assert found.modes.shape == (3, POINTS, 2)
    assert found.shares[ALL] == pytest.approx([1 / 2, 1 / 3, 1 / 6])
    assert set(found.shares) == {ALL, "S1", "S2"} and found.cells == {ALL: 120, "S1": 60, "S2": 60}
    assert found.entropy[ALL] == pytest.approx(-(np.log(1 / 2) / 2 + np.log(1 / 3) / 3 + np.log(1 / 6) / 6))
    for mode, shape in enumerate(SHAPES):
        exact = resample(shape(np.linspace(0, 2 * np.pi, 400, endpoint=False)))
        pair = aligned([found.modes[mode], exact])
        assert np.abs(pair[0] - pair[1]).max() < 0.08
    assert found.explained.sum() >= 0.95 and found.scores.shape == (120, len(found.components))


def test_the_same_seed_gives_the_same_modes() -> None:
    rng = np.random.default_rng(3)
    contours = [_drawn(i % 3, rng) for i in range(45)]
    first, second = (shape_modes(contours, modes=4, seed=7) for _ in range(2))
    assert np.array_equal(first.labels, second.labels) and np.array_equal(first.modes, second.modes)


def test_points_are_equidistant_centred_and_of_unit_radius() -> None:
    square = resample([[0, 0], [10, 0], [10, 10], [0, 10]], 40)
    steps = np.linalg.norm(np.diff(np.concatenate([square, square[:1]]), axis=0), axis=1)
    assert steps == pytest.approx(np.ones(40))
    shape = aligned([square * 3 + 50])[0]
    assert shape.mean(axis=0) == pytest.approx([0, 0], abs=1e-9)
    assert (shape**2).sum(axis=1).mean() == pytest.approx(1)


def test_entropy_from_one_mode_to_all() -> None:
    assert entropy([1.0, 0.0]) == 0
    assert entropy(np.full(20, 0.05)) == pytest.approx(np.log(20))


def test_refusals_are_sentences() -> None:
    circle = _circle(np.linspace(0, 6, 30))
    with pytest.raises(InputRefused, match="at least as many outlines"):
        shape_modes([circle], modes=2)
    with pytest.raises(InputRefused, match="fewer than 2 different shapes"):
        shape_modes([circle] * 5, modes=2)
    with pytest.raises(WrongUse, match="one group for each"):
        shape_modes([circle] * 5, ["a"], modes=2)
    with pytest.raises(WrongUse, match="three different points"):
        resample([[0, 0], [1, 1], [0, 0]][:2])
