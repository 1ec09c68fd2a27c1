"""Intervals over a few samples: standard error and degrees of freedom of textbooks, and the promised coverage."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t
from simulated_rates import chance_band

from nscweb.evaluation.scores.confusion import judged_metrics
from nscweb.evaluation.scores.intervals import resampled_counts
from nscweb.evaluation.scores.known_cells import Judged
from nscweb.evaluation.scores.sample_intervals import SampleDraws

CLASSES = ("a", "b")


def mean_rounds(values, strata, rounds=20000):
    weights = resampled_counts(strata, rounds, 0)
    return SampleDraws(weights, strata), (weights @ values / len(values))[:, None]


def test_the_mean_of_one_stratum_has_the_error_and_the_freedom_of_student():
    values = np.array([0.55, 0.61, 0.7, 0.42, 0.66])
    draws, rounds = mean_rounds(values, np.zeros(5, int))
    error, free = draws.errors(rounds)
    assert error[0] == pytest.approx(values.std(ddof=1) / np.sqrt(5), rel=0.03)
    assert free[0] == pytest.approx(4, rel=1e-6)
    low, high = draws.share_interval(rounds, np.array([values.mean()]))
    odds, wide = np.log(values.mean() / (1 - values.mean())), t.ppf(0.975, 4) * error[0]
    wide /= values.mean() * (1 - values.mean())
    assert (low[0], high[0]) == pytest.approx((1 / (1 + np.exp(wide - odds)), 1 / (1 + np.exp(-odds - wide))))


def test_several_strata_are_put_together_as_by_satterthwaite():
    values, strata = np.array([0.2, 0.5, 0.8, 0.60, 0.61, 0.62, 0.61]), np.array([0, 0, 0, 1, 1, 1, 1])
    draws, rounds = mean_rounds(values, strata)
    error, free = draws.errors(rounds)
    parts = [values[strata == k].var(ddof=1) * (strata == k).sum() / 49 for k in (0, 1)]
    assert error[0] == pytest.approx(np.sqrt(sum(parts)), rel=0.03)
    assert free[0] == pytest.approx(sum(parts) ** 2 / (parts[0] ** 2 / 2 + parts[1] ** 2 / 3), rel=0.05)


def test_figures_without_spread_or_at_the_edge_stay_between_0_and_1():
    draws, rounds = mean_rounds(np.array([1.0, 1.0, 1.0]), np.zeros(3, int), 50)
    assert draws.share_interval(rounds, np.array([1.0])) == (1.0, 1.0)
    rounds = np.linspace(0.8, 1.0, 50)[:, None]
    low, high = draws.share_interval(rounds, np.array([1.0]))
    assert 0 <= low[0] < 1 and high[0] == 1
    low, high = draws.difference_interval(rounds, np.array([0.9]))
    assert -1 <= low[0] < 0.9 < high[0] <= 1


def test_rounds_without_a_figure_are_left_out():
    draws, rounds = mean_rounds(np.array([0.3, 0.5, 0.6, 0.4]), np.zeros(4, int), 400)
    gaps = rounds.copy()
    gaps[::7] = np.nan
    both = np.concatenate([rounds, gaps], axis=1)
    error, free = draws.errors(both)
    assert np.isfinite(free).all() and error[1] == pytest.approx(error[0], rel=0.15)


@pytest.mark.parametrize("samples", [2, 3, 6])
def test_nineteen_of_twenty_intervals_over_few_samples_hold_the_truth(samples, simulations):
    # Recall of class a in a sample is uniform between 0.5 and 0.9: its mean is 0.7.
    rng = np.random.default_rng(samples)
    held = []
    for number in range(simulations.of(200)):
        shares = rng.uniform(0.5, 0.9, 2 * samples)
        sample = np.repeat(np.arange(2 * samples), 100)
        true = sample // samples
        right = rng.random(len(sample)) < shares[sample]
        predicted = np.where(right, true, 1 - true)
        cells = Judged(np.eye(2)[predicted], true, predicted, sample, CLASSES)
        found = {(m.name, m.class_name): m for m in judged_metrics(cells, seed=number, rounds=200)}
        held += [found["recall", "a"].low <= 0.7 <= found["recall", "a"].high]
        held += [found["accuracy", ""].low <= 0.7 <= found["accuracy", ""].high]
    # Of 1,600 other rounds 94.1 to 94.8 % held the recall and 95.7 to 97.4 % the accuracy, nearly independently.
    low, high = chance_band(len(held), 0.945, 0.965)
    assert low <= np.mean(held) <= high
