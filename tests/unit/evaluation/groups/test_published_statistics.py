"""Statistics against numbers that others have printed; each with its source, or the independent method beside it."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from test_group_tests import frame

from nscweb.evaluation.groups.equivalence import equivalence_table
from nscweb.evaluation.groups.mixed_model import intraclass_correlation
from nscweb.evaluation.groups.pair_tests import group_tests, hedges_g
from nscweb.evaluation.groups.power import (
    detectable_difference,
    needed_replicates,
    out_of_reach,
    pooled_spread,
    power_of_t,
)
from nscweb.evaluation.groups.shared_error import tail
from nscweb.evaluation.groups.spread import adjusted, anova_table

# R's data sets sleep and PlantGrowth.
SLEEP = {
    "1": [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0],
    "2": [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4],
}
PLANTS = {
    "ctrl": [4.17, 5.58, 5.18, 6.11, 4.50, 4.61, 5.17, 4.53, 5.33, 5.14],
    "trt1": [4.81, 4.17, 4.41, 3.59, 5.87, 3.83, 6.03, 4.89, 4.32, 4.69],
    "trt2": [6.31, 5.12, 5.54, 5.50, 5.37, 5.29, 4.92, 6.15, 5.80, 5.26],
}
# pingouin's data set "anova" (mcclave1991.csv in its repository): pain threshold by hair colour.
HAIR = {
    "light blond": [62, 60, 71, 55, 48],
    "dark blond": [63, 57, 52, 41, 43],
    "light brunette": [42, 50, 41, 37],
    "dark brunette": [32, 39, 51, 30, 35],
}


def test_welch_t_on_sleep():
    """R prints for t.test(extra ~ group, data = sleep): df 17.776, p 0.07939, interval -3.3654832 to 0.2054832."""
    # A tenth of it: differences of shares are cut at -1 and 1.
    tenth = {name: [value / 10 for value in values] for name, values in SLEEP.items()}
    row = group_tests(frame(tenth), "2").iloc[0]
    assert row["difference"] == pytest.approx((0.75 - 2.33) / 10)
    assert row["p"] == pytest.approx(0.07939, abs=5e-6)
    assert (row["low"], row["high"]) == pytest.approx((-0.33654832, 0.02054832), abs=1e-7)


@pytest.mark.parametrize(
    ("data", "f", "within", "p"),
    [
        (SLEEP, 1.8608**2, 17.776, 0.07939),  # two groups: the square of the t above, with its p
        (PLANTS, 5.181, 17.128, 0.01739),  # R prints it for oneway.test(weight ~ group, data = PlantGrowth)
        (HAIR, 5.890115, 8.329841, 0.018813),  # pingouin, documentation of welch_anova, the example
    ],
)
def test_welch_anova(data, f, within, p):
    row = anova_table(frame(data)).iloc[0]
    assert row["f"] == pytest.approx(f, rel=1e-4)
    assert row["df_within"] == pytest.approx(within, rel=1e-4)
    assert row["p"] == pytest.approx(p, rel=3e-4)


def test_games_howell_on_hair_colour():
    """p of JASP, as pingouin's own tests quote them (tests/test_pairwise.py, Hair color data set)."""
    printed = {
        ("dark blond", "dark brunette"): 0.1401,
        ("dark blond", "light blond"): 0.5228,
        ("dark blond", "light brunette"): 0.3715,
        ("dark brunette", "light blond"): 0.0148,
        ("dark brunette", "light brunette"): 0.6980,
        ("light blond", "light brunette"): 0.0378,
    }
    found = group_tests(frame(HAIR), None)
    for row in found.itertuples():
        pair = tuple(sorted((row.group, row.control)))
        assert row.p_games_howell == pytest.approx(printed.pop(pair), abs=6e-5)
    assert not printed


def test_games_howell_is_that_of_scipy():
    """Another programme: scipy.stats.tukey_hsd(equal_var=False)."""
    from scipy.stats import tukey_hsd

    found = group_tests(frame(HAIR), None).set_index(["group", "control"])
    names = sorted(HAIR)
    expected = tukey_hsd(*(HAIR[name] for name in names), equal_var=False).pvalue
    for (i, first), (j, second) in combinations(enumerate(names), 2):
        assert found.loc[(second, first), "p_games_howell"] == pytest.approx(expected[j, i], rel=1e-6)


def test_hedges_g_is_cohens_d_made_smaller():
    """pingouin, documentation of compute_effsize: d of [1, 2, 3, 4] and [3, 4, 5, 6, 7] is -1.707825127659933.

    The factor of g is Hedges' approximation; his exact one (gamma functions) lies within 0.4 % of it here.
    """
    from scipy.special import gammaln

    first, second = np.array([1.0, 2, 3, 4]), np.array([3.0, 4, 5, 6, 7])
    g, low, high = hedges_g(first.mean(), first.std(ddof=1), 4, second.mean(), second.std(ddof=1), 5)
    assert float(g) == pytest.approx(-1.707825127659933 * (1 - 3 / 27))
    exact = np.exp(gammaln(7 / 2) - gammaln(6 / 2)) / np.sqrt(7 / 2)
    assert float(g) == pytest.approx(-1.707825127659933 * exact, rel=4e-3)
    assert low < g < high < 0.2


def test_adjusted_p():
    """pingouin, documentation of multicomp: both examples; there NaN does not count either."""
    p = np.array([0.50, 0.003, 0.32, 0.054, 0.0003])
    assert adjusted(p, "fdr_bh")[0] == pytest.approx([0.5, 0.0075, 0.4, 0.09, 0.0015])
    p[2] = np.nan
    holm, number = adjusted(p, "holm")
    assert number == 4
    assert holm == pytest.approx([0.5, 0.009, np.nan, 0.108, 0.0012], nan_ok=True)
    # Another programme, on many.
    from statsmodels.stats.multitest import multipletests

    drawn = np.random.default_rng(1).uniform(size=40) ** 3
    for method in ("holm", "fdr_bh"):
        assert adjusted(drawn, method)[0] == pytest.approx(multipletests(drawn, method=method)[1])


def test_equivalence_with_unequal_spread():
    """R, package equivalence, tost(a, b, epsilon = 1): 0.9643479, as pingouin's test_equivalence.py quotes it."""
    a, b = [4, 7, 8, 6, 3, 2], [6, 8, 7, 10, 11, 9]
    rows = frame({"a": [value / 100 for value in a], "b": [value / 100 for value in b]})
    row = equivalence_table(rows, "b", 0.01).iloc[0]
    assert row["p_equivalent"] == pytest.approx(0.9643479, abs=5e-8)
    # Another programme: statsmodels.
    from statsmodels.stats.weightstats import ttost_ind

    both, lower, _ = ttost_ind(np.array(a) / 100, np.array(b) / 100, -0.01, 0.01, usevar="unequal")
    assert (row["p_equivalent"], row["p_no_worse"]) == pytest.approx((both, lower[1]))


def test_power():
    """R, examples of power.t.test: power 0.90 and delta 1 need n = 22.02110; n = 20 has power 0.8689528."""
    assert needed_replicates(1.0, 1.0, power=0.90) == 23
    assert needed_replicates(1.0, 1.0, power=0.8689) == 20
    assert detectable_difference(1.0, 20, 20, power=0.8689528) == pytest.approx(1.0, abs=1e-3)
    assert needed_replicates(float("nan"), 0.1) is None
    assert needed_replicates(0.5, 0.001) is None
    assert needed_replicates(0.0001, 0.3) == 3
    spread = pooled_spread([np.array([1.0, 3.0]), np.array([2.0, 2.0, 5.0])])
    assert spread.sd == pytest.approx(np.sqrt(8 / 3))
    assert spread.upper > spread.sd


def test_intraclass_correlation_of_pots_of_seeds():
    """SAS/STAT User's Guide, LOGISTIC, example "Overdispersion": Williams's estimate for the full model is 0.075941."""
    sown = [[16, 51, 45, 39, 36], [81, 30, 39, 28, 62], [51, 72, 41, 12, 13], [79, 30, 51, 74, 56]]
    grown = [[8, 26, 23, 10, 9], [23, 10, 17, 8, 23], [32, 55, 22, 3, 10], [46, 15, 32, 53, 12]]
    groups = [(np.array(some) / np.array(all_), np.array(all_, float)) for some, all_ in zip(grown, sown, strict=True)]
    assert intraclass_correlation(groups) == pytest.approx(0.075941, abs=1e-6)


@pytest.mark.parametrize("effect", [0.1, 1.0, 3.0, 4.5, 8.0, 25.0])
@pytest.mark.parametrize(("n_first", "n_second"), [(2, 2), (4, 4), (3, 6), (50, 20)])
@pytest.mark.parametrize("alpha", [0.05, 0.05 / 36])
def test_power_has_a_value_everywhere_and_is_that_of_statsmodels(effect, n_first, n_second, alpha) -> None:
    from statsmodels.stats.power import TTestIndPower

    ours = power_of_t(effect, n_first, n_second, alpha)
    theirs = float(TTestIndPower().power(effect, n_first, alpha, n_second / n_first))
    assert alpha <= ours <= 1
    # The noncentral t distribution of SciPy has no value at some effects.
    assert np.isnan(theirs) or ours == pytest.approx(theirs, abs=1e-5)


def test_a_power_that_scipy_does_not_know_is_not_taken_for_enough() -> None:
    # A spread of 2.2 points against 10: four replicates find it with probability 0.72 when 36 pairs are compared.
    assert power_of_t(0.1 / 0.022, 4, 4, 0.05 / 36) == pytest.approx(0.72, abs=0.01)
    assert needed_replicates(0.022, 0.1, alpha=0.05 / 36) == 5


@pytest.mark.parametrize(("n", "spread", "shared"), [(4, 0.05, 0.02), (3, 0.03, 0.03), (8, 0.06, 0.01)])
def test_power_with_an_error_that_samples_share_is_that_of_drawn_studies(n: int, spread: float, shared: float) -> None:
    rng, studies = np.random.default_rng(3), 40_000
    first = rng.normal(0.1, spread, (studies, n)) + rng.normal(0, shared, (studies, 1))
    second = rng.normal(0, spread, (studies, n))
    own = (first.var(axis=1, ddof=1) + second.var(axis=1, ddof=1)) / n
    p = 2 * tail(np.abs(first.mean(axis=1) - second.mean(axis=1)), own, 2 * n - 2, shared**2)
    expected = power_of_t(0.1 / spread, n, n, 0.05, common=(shared / spread) ** 2)
    assert (p < 0.05).mean() == pytest.approx(expected, abs=0.015)


def test_replicates_do_not_lessen_the_error_that_samples_share() -> None:
    assert needed_replicates(0.05, 0.1) == 6
    assert needed_replicates(0.05, 0.1, common=0.02**2) == 7
    assert needed_replicates(0.05, 0.1, common=0.04**2) is None
    # Replicates that agree but for rounding still have it.
    assert needed_replicates(1e-12, 0.1, common=0.02**2) == 3
    assert needed_replicates(1e-12, 0.1, common=0.05**2) is None
    assert detectable_difference(0.05, 4, 4, common=0.02**2) > detectable_difference(0.05, 4, 4)
    # 1.96 + 0.84 standard errors.
    assert out_of_reach(0.1, 0.0358**2) and not out_of_reach(0.1, 0.0356**2) and not out_of_reach(0.1, 0.0)
