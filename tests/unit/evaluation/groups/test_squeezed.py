"""Variances drawn together: the numbers of limma, computed once with the commands that stand here.

    Rscript -e 'suppressMessages(library(limma)); fit <- eBayes(lmFit(y, cbind(1, c(0,0,0,1,1,1))), robust=TRUE)'

with the rows of `GENES` as `y`, and ``squeezeVar(variances, degrees, robust=TRUE)``; Debian's r-bioc-limma 3.54.1 with
r-cran-statmod.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t as student

from nscweb.evaluation.groups.squeezed import squeezed

GENES = np.array(
    [
        (2.287, 2.281, 1.273, 0.998, 0.101, 0.076),
        (-1.197, 0.324, 0.184, -1.105, 0.931, 0.159),
        (-0.694, 1.896, 0.752, -0.142, -0.263, 0.544),
        (-0.825, 0.935, 1.183, 0.630, -0.015, 1.410),
        (-0.485, -0.447, -0.492, 0.609, 0.184, 0.159),
        (-0.947, -0.307, -0.276, -0.699, 1.707, 1.109),
        (0.748, -0.005, -0.871, -0.285, 0.724, 0.769),
        (-0.175, 1.482, 1.078, -1.967, 0.722, 1.730),
        (0.153, 0.840, 0.111, -0.391, -1.568, 1.261),
        (26.280, 8.464, -0.942, -4.818, 3.819, 8.407),
        (0.357, 1.306, -0.420, 1.351, 0.166, 0.433),
        (2.173, -1.110, -0.450, 0.473, -0.720, -0.738),
    ]
)
# The scale, prior degrees of most genes and of gene 10, posterior variances, total degrees of both, t and p of the
# second coefficient, all as the fit has them.
SCALE, PRIOR, PRIOR_10 = 0.8970916625, 6.995206794, 0.2173542829
POSTERIOR = (0.6828926913, 0.8914552079, 0.9116173268, 0.8813611125, 0.5824748134, 0.8822672043)
POSTERIOR += (0.7547280539, 1.370885027, 0.9685697194, 112.0807801, 0.7769345788, 1.206887626)
TOTAL, TOTAL_10 = 10.99520679, 4.217354283
T = (-2.305116487, 0.291430169, -0.7760589622, 0.3183160328, 1.270961033, 1.585112425)
T += (0.6278206356, -0.6624871507, -0.7475043386, -1.017803675, 0.3274549525, -0.5938376549)
P = (0.04166482825, 0.7761468161, 0.4540840584, 0.7562096237, 0.2299733881, 0.1412598431)
P += (0.5429406246, 0.5213036523, 0.4704440134, 0.3635578277, 0.7494737947, 0.5646379441)

UNEVEN = np.array([0.4, 0.7, 1.1, 0.2, 0.9, 2.5, 0.6, 0.8, 1.3, 0.5, 14, 0.7])
DEGREES = np.array([1.0, 2, 2, 3, 2, 1, 2, 4, 2, 2, 2, 1])


def test_robust_empirical_bayes_is_that_of_limma() -> None:
    first, second = GENES[:, :3], GENES[:, 3:]
    own = (first.var(axis=1, ddof=1) + second.var(axis=1, ddof=1)) / 2
    found = squeezed(own, 4.0)
    assert found.scale == pytest.approx(SCALE, rel=1e-8)
    assert found.prior[9] == pytest.approx(PRIOR_10, rel=1e-7)
    np.testing.assert_allclose(np.delete(found.prior, 9), PRIOR, rtol=1e-7)
    after = found.variances(own, np.full(12, 4.0))
    np.testing.assert_allclose(after, POSTERIOR, rtol=1e-8)
    total = np.minimum(4 + found.prior, 48)
    assert total[9] == pytest.approx(TOTAL_10) and total[0] == pytest.approx(TOTAL)
    t = (second.mean(axis=1) - first.mean(axis=1)) / np.sqrt(after * 2 / 3)
    np.testing.assert_allclose(t, T, rtol=1e-7)
    np.testing.assert_allclose(2 * student.sf(np.abs(t), total), P, rtol=1e-6)


def test_unequal_degrees_and_one_outlier() -> None:
    found = squeezed(UNEVEN, DEGREES)
    assert found.scale == pytest.approx(1.615744105, rel=1e-8)
    assert found.prior[10] == pytest.approx(0.141747164, rel=1e-7) and np.isinf(np.delete(found.prior, 10)).all()
    after = found.variances(UNEVEN, DEGREES)
    assert after[10] == pytest.approx(13.1803733, rel=1e-8)
    np.testing.assert_allclose(np.delete(after, 10), 1.615744105, rtol=1e-8)


def test_few_variances_are_not_folded_and_alike_ones_are_pooled() -> None:
    found = squeezed(UNEVEN[:8], DEGREES[:8])
    assert found.scale == pytest.approx(0.9, rel=1e-8) and np.isinf(found.prior).all()
    # More alike than chance allows: all are one.
    alike = squeezed(np.array([11, 9, 12, 10, 13, 8, 11, 10, 12, 9, 10, 11]) / 1000, 2.0)
    assert alike.scale == pytest.approx(0.01817775364, rel=1e-7) and np.isinf(alike.prior).all()


@pytest.mark.parametrize("factor", [1e-8, 0.37, 1e6])
def test_a_unit_of_measurement_moves_nothing_else(factor: float) -> None:
    one, other = squeezed(UNEVEN, DEGREES), squeezed(UNEVEN * factor, DEGREES)
    assert other.scale == pytest.approx(one.scale * factor, rel=1e-7)
    np.testing.assert_allclose(other.prior, one.prior, rtol=1e-5)


def test_nothing_in_common_is_an_error() -> None:
    for variances in ([1.0], [0.0, 0.0, 0.0], [0.0, 0.0, 1.0]):
        with pytest.raises(ValueError, match="in common"):
            squeezed(variances, 2.0)


@pytest.mark.parametrize("number", [2, 3, 9, 11, 40])
def test_any_variances_give_a_finite_answer(number: int) -> None:
    rng = np.random.default_rng(number)
    for _ in range(40):
        degrees = rng.integers(1, 6, number).astype(float)
        own = rng.chisquare(degrees) / degrees * np.exp(rng.normal(0, rng.choice([0.0, 0.5, 3.0]), number))
        found = squeezed(own, degrees)
        assert np.isfinite(found.scale) and found.scale > 0 and (found.prior >= 0).all()
        after = found.variances(own, degrees)
        assert (after >= np.minimum(own, found.scale) - 1e-12).all()
        assert (after <= np.maximum(own, found.scale) + 1e-12).all()
