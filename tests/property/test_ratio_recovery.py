"""Whatever the confusion and the true shares: corrected ratios are right in expectation and are always shares."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nscweb.evaluation.ratios.quantification import adjusted_shares, em_shares, free_shares, project_to_simplex


@st.composite
def mixtures(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """A confusion matrix (K, K) that can be inverted, and true shares (K,), some of them 0."""
    size = draw(st.integers(2, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    skill = draw(st.floats(0.3, 1.0))
    matrix = skill * np.eye(size) + (1 - skill) * rng.dirichlet(np.ones(size), size)
    # Rows may come out alike, and then nothing tells their classes apart.
    assume(np.linalg.svd(matrix, compute_uv=False).min() > 1e-3)
    share = rng.dirichlet(np.ones(size)) * (rng.random(size) < draw(st.floats(0.3, 1.0)))
    share[int(rng.integers(size))] += 0.1
    return matrix, share / share.sum()


@given(mixtures())
@settings(max_examples=80, deadline=None)
def test_exact_recovery_in_expectation(mixture: tuple[np.ndarray, np.ndarray]) -> None:
    matrix, share = mixture
    np.testing.assert_allclose(adjusted_shares(matrix, share @ matrix), share, atol=1e-5)
    np.testing.assert_allclose(free_shares(matrix, share @ matrix), share, atol=1e-5)


@given(mixtures(), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_always_on_the_simplex_and_nearest(mixture: tuple[np.ndarray, np.ndarray], seed: int) -> None:
    matrix, _ = mixture
    rng = np.random.default_rng(seed)
    observed = rng.dirichlet(np.full(len(matrix), 0.4), 5)
    found = adjusted_shares(matrix, observed)
    assert (found >= 0).all()
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-9)
    other = rng.dirichlet(np.ones(len(matrix)), 200)
    for line, seen in zip(found, observed, strict=True):
        assert ((line @ matrix - seen) ** 2).sum() <= ((other @ matrix - seen) ** 2).sum(axis=1).min() + 1e-8


@given(st.integers(2, 5), st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_em_and_projection_give_shares(size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    share = em_shares(rng.dirichlet(np.full(size, 0.5), 50))
    assert (share >= 0).all()
    assert abs(share.sum() - 1) < 1e-9
    point = rng.normal(0, 2, size)
    near = project_to_simplex(point)
    other = rng.dirichlet(np.ones(size), 200)
    assert ((near - point) ** 2).sum() <= ((other - point) ** 2).sum(axis=1).min() + 1e-9
