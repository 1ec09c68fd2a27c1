"""Two models on the same cells: paired intervals, McNemar against statsmodels' own counts, and what is said."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest
from simulated_rates import chance_band

from nscweb.core.errors import WrongUse
from nscweb.evaluation.scores.model_pairs import Paired, differences, mcnemar_table, verdict

CLASSES = ("a", "b", "c")


def pair(right: float = 0.8, better: float = 0.0, *, samples: int = 18, each: int = 40, seed: int = 0) -> Paired:
    """Samples differ in how hard they are; the second model is right more often by `better`."""
    rng = np.random.default_rng(seed)
    sample = np.repeat(np.arange(samples), each)
    true = sample % 3
    hard = np.clip(right + rng.normal(0, 0.12, samples), 0.05, 0.95)[sample]
    draw = rng.random(len(true))
    wrong = (true + rng.integers(1, 3, len(true))) % 3
    first = np.where(draw < hard, true, wrong)
    second = np.where(draw < hard + better, true, wrong)
    times = np.where(sample % 6 < 3, 24.0, 72.0)
    return Paired(true, first, second, sample, times, CLASSES)


def of(table: pd.DataFrame, figure: str, name: str = "", time: float | None = None) -> pd.Series:
    at = table["time_h"].isna() if time is None else table["time_h"] == time
    rows = table[(table["figure"] == figure) & (table["class"] == name) & at]
    assert len(rows) == 1
    return rows.iloc[0]


def test_differences_are_those_of_the_counts():
    cells = pair(better=0.05)
    table = differences(cells, seed=0, rounds=300)
    row = of(table, "accuracy")
    assert row["first"] == pytest.approx((cells.first == cells.true).mean())
    assert row["second"] == pytest.approx((cells.second == cells.true).mean())
    assert row["difference"] == pytest.approx(row["second"] - row["first"])
    for name in CLASSES:
        own = cells.true == CLASSES.index(name)
        recall = of(table, "recall", name)
        assert recall["first"] == pytest.approx((cells.first[own] == cells.true[own]).mean())
    assert set(table["time_h"].dropna()) == {24.0, 72.0}
    assert (table["low"] <= table["difference"]).all() and (table["difference"] <= table["high"]).all()


def test_pairing_makes_the_interval_narrower_than_two_intervals():
    table = differences(pair(better=0.03), seed=0)
    row = of(table, "accuracy")
    single = pair(better=0.03)
    from nscweb.evaluation.scores.known_cells import Judged

    scores = np.eye(3)[single.first]
    judged = Judged(scores, single.true, single.first, single.sample, CLASSES)
    from nscweb.evaluation.scores.confusion import judged_metrics

    accuracy = next(iter(judged_metrics(judged, seed=0)))
    assert row["high"] - row["low"] < 0.5 * (accuracy.high - accuracy.low)
    assert row["low"] > 0
    assert "mine gives more right answers than old" in verdict(table, "old", "mine")


def test_equal_models_show_no_difference_and_this_is_not_called_equality():
    cells = pair()
    table = differences(cells, seed=0, rounds=200)
    assert (table["difference"] == 0).all()
    assert "not proof that they are equal" in verdict(table, "one", "two")
    assert mcnemar_table(cells)["p"].eq(1).all()


def test_two_equally_good_models_are_seldom_called_different(simulations):
    called, rounds = 0, simulations.of(60)
    for seed in range(rounds):
        rng = np.random.default_rng(seed)
        one, two = pair(seed=seed, samples=12, each=30), pair(seed=seed + 500, samples=12, each=30)
        # The second model has its own hard samples: the difference varies with the sample.
        mixed = Paired(one.true, one.first, two.first, one.sample, one.times, CLASSES)
        row = of(differences(mixed, seed=int(rng.integers(9)), rounds=200, by_time=False), "accuracy")
        called += bool(row["low"] > 0 or row["high"] < 0)
    assert called / rounds <= chance_band(rounds, 0.0, 0.05)[1]


def test_mcnemar_is_exact_for_few_and_equals_the_binomial_test():
    true = np.zeros(40, np.int64)
    first, second = true.copy(), true.copy()
    first[:9], second[9:12] = 1, 1
    cells = Paired(true, first, second, np.arange(40), np.full(40, np.nan), CLASSES)
    row = mcnemar_table(cells).iloc[0]
    assert (row["only_second"], row["only_first"], row["both_right"]) == (9, 3, 28)
    assert row["method"] == "exact binomial"
    assert row["p"] == pytest.approx(binomtest(3, 12).pvalue)


def test_mcnemar_of_many_is_the_corrected_chi_squared():
    true = np.zeros(500, np.int64)
    first, second = true.copy(), true.copy()
    first[:60], second[60:90] = 1, 1
    row = mcnemar_table(Paired(true, first, second, np.arange(500), np.full(500, np.nan), CLASSES)).iloc[0]
    from scipy.stats import chi2

    assert row["p"] == pytest.approx(chi2.sf((abs(60 - 30) - 1) ** 2 / 90, 1))


def test_answers_that_are_none_of_the_classes_count_as_wrong():
    cells = pair()
    lost = cells.second.copy()
    lost[:100] = -1
    table = differences(Paired(cells.true, cells.first, lost, cells.sample, cells.times, CLASSES), seed=0, rounds=50)
    assert of(table, "accuracy")["second"] == pytest.approx((lost == cells.true).mean())


def test_one_sample_per_class_is_drawn_by_cells_and_no_cells_are_refused():
    table = differences(pair(samples=3), seed=0, rounds=50)
    assert table["interval"].str.contains("only one sample").all()
    none = pair().take(np.zeros(18 * 40, bool))
    with pytest.raises(WrongUse):
        differences(none, seed=0)
