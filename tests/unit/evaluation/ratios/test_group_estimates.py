"""Ratios over replicates: what is joined, what is shared, and how often the interval holds the truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from drawn_scores import drawn_cells, drawn_held_out
from simulated_rates import Simulations, chance_band

from nscweb.evaluation.groups.group_errors import GroupErrors
from nscweb.evaluation.groups.means import REPLICATE_COLUMNS, group_estimates, mean_interval, replicate_rows
from nscweb.evaluation.groups.shared_error import SharedError
from nscweb.evaluation.groups.spread import anova_table, summary_table
from nscweb.evaluation.ratios.corrected import estimate
from nscweb.evaluation.ratios.estimates import ESTIMATE_COLUMNS, GROUP_ESTIMATE_COLUMNS, Estimates


def made(ratios: list[float], replicates: list[str], cells: list[int], shared: np.ndarray | None = None) -> Estimates:
    """Two classes, one group; `ratios` of the first class."""
    rows = []
    for number, (ratio, replicate, count) in enumerate(zip(ratios, replicates, cells, strict=True)):
        for name, share in (("a", ratio), ("b", 1 - ratio)):
            low, high = max(0, share - 0.1), min(1, share + 0.1)
            about = (f"s{number}", "NGF", 24.0, replicate, count, name, 0, share / 2, 0.0, 1.0)
            rows.append((*about, share, low, high, "pacc", bool(np.isfinite(share)), ""))
    drawn = np.zeros((0, len(ratios), 2), np.float32) if shared is None else shared
    return Estimates(pd.DataFrame(rows, columns=list(ESTIMATE_COLUMNS)), drawn, "pacc", "")


def test_samples_of_a_replicate_are_joined_by_their_cells() -> None:
    rows = replicate_rows(made([0.2, 0.4, 0.6], ["1", "1", ""], [100, 300, 50]))
    assert tuple(rows.columns) == REPLICATE_COLUMNS
    first = rows[rows["class"] == "a"]
    assert first["replicate"].tolist() == ["1", "s2"]
    np.testing.assert_allclose(first["ratio"], [0.35, 0.6])
    np.testing.assert_allclose(first["naive"], [0.175, 0.3])
    assert first["cells"].tolist() == [400, 50]
    assert first["recovered"].all()


def test_mean_and_spread_are_those_of_replicates() -> None:
    found = group_estimates(made([0.2, 0.3, 0.4], ["1", "2", "3"], [100, 1000, 10]))
    assert tuple(found.columns) == GROUP_ESTIMATE_COLUMNS
    row = found[found["class"] == "a"].iloc[0]
    assert row["mean"] == pytest.approx(0.3)
    assert row["sd"] == pytest.approx(0.1)
    # Student's t for two degrees of freedom is 4.303.
    assert row["high"] == pytest.approx(0.3 + 4.3027 * 0.1 / 3**0.5, abs=1e-4)
    assert row["replicates"] == 3
    assert row["cells"] == 1110


def test_the_shared_error_widens_and_adds_degrees_of_freedom() -> None:
    noise = np.random.default_rng(0).normal(0, 0.2, (4000, 1, 1))
    shared = (0.3 + np.tile(noise, (1, 3, 2)) * [1, -1]).astype(np.float32)
    row = group_estimates(made([0.45, 0.5, 0.55], ["1", "2", "3"], [100] * 3, shared)).iloc[0]
    error = (0.05**2 / 3 + 0.2**2) ** 0.5
    assert row["high"] - row["mean"] == pytest.approx(1.96 * error, rel=0.05)
    assert "share" in row["interval"]


def test_one_replicate_says_what_its_interval_is_about() -> None:
    row = group_estimates(made([0.3], ["1"], [100])).iloc[0]
    assert (row["low"], row["high"]) == pytest.approx((0.2, 0.4))
    assert np.isnan(row["sd"])
    assert "nothing of the next replicate" in row["interval"]


def test_replicates_that_agree_exactly_have_the_intervals_of_their_samples() -> None:
    row = group_estimates(made([0.0, 0.0, 0.0], ["1", "2", "3"], [100] * 3)).iloc[0]
    assert row["low"] == 0
    assert row["high"] == pytest.approx(0.1)


def test_what_cannot_be_recovered_is_left_out_or_told() -> None:
    nan = float("nan")
    some = group_estimates(made([0.2, nan, 0.4], ["1", "2", "3"], [100] * 3)).iloc[0]
    assert some["replicates"] == 2
    assert some["mean"] == pytest.approx(0.3)
    none = group_estimates(made([nan, nan], ["1", "2"], [100] * 2))
    assert not none["recovered"].any()
    assert none[["mean", "low", "high"]].isna().all(axis=None)
    rows = replicate_rows(made([nan, 0.5, 0.5], ["1", "1", "2"], [100] * 3))
    assert rows["recovered"].tolist() == [False, False, True, True]


def test_times_that_are_not_known_are_a_group_and_nothing_gives_nothing() -> None:
    given = made([0.2, 0.3], ["1", "2"], [100] * 2)
    given.table["time_h"] = np.nan
    found = group_estimates(given)
    assert len(found) == 2
    assert found["time_h"].isna().all()
    empty = Estimates(given.table.iloc[:0], given.shared[:, :0], "pacc", "")
    assert group_estimates(empty).empty
    assert replicate_rows(empty).empty


def test_group_intervals_cover(simulations: Simulations) -> None:
    """Three replicates around a group mean, each in a light of its own."""
    inside, width = [], []
    for world in range(simulations.of(12)):
        rng = np.random.default_rng([7, world])
        known = drawn_held_out(rng, samples=3, cells=300, light=0.15)
        means = rng.dirichlet(np.full(3, 3.0), 12)
        share = np.concatenate([rng.dirichlet(60 * mean, 3) for mean in means])
        groups = [f"g{number:02d}" for number in range(12) for _ in range(3)]
        cells = drawn_cells(rng, share, 400, 0.15, groups=groups, replicates=["1", "2", "3"] * 12)
        found = group_estimates(estimate(cells, known, rounds=200, seed=world))
        inside.append((found["low"] <= means.ravel()) & (means.ravel() <= found["high"]))
        width.append(found["high"] - found["low"])
    # Of 96 other worlds 94.8 %; their spread is that of independent intervals.
    low, high = chance_band(np.size(inside), 0.94, 0.955)
    assert low <= np.mean(inside) <= high
    assert np.mean(width) < 0.5


def test_the_interval_of_a_mean_is_students_and_speaks_of_cells_where_replicates_cannot() -> None:
    values = np.array([[0.1, 0.4, 0.0], [0.2, 0.5, 0.0], [0.3, 0.6, 0.0]])
    mean, sd, sem, low, high = mean_interval(values).T
    assert (mean[1], sd[1], sem[1]) == pytest.approx((0.5, 0.1, 0.1 / np.sqrt(3)))
    assert high[1] - mean[1] == pytest.approx(4.30265 * 0.1 / np.sqrt(3), rel=1e-5)
    assert low[0] == 0 and np.isnan([low[2], high[2]]).all()
    own = (np.zeros((3, 3)), np.full((3, 3), 0.06))
    assert mean_interval(values, own=own)[2, 3:].tolist() == pytest.approx([0.0, 0.06])
    one = mean_interval(values[:1], own=(np.array([[0.05] * 3]), np.array([[0.2] * 3])))[0]
    assert one[[0, 3, 4]].tolist() == [0.1, 0.05, 0.2] and np.isnan(one[1:3]).all()
    assert np.isnan(mean_interval(values[:1])[0, 3:]).all() and np.isnan(mean_interval(values[:0])).all()


@pytest.mark.parametrize("replicates", [2, 3])
def test_a_shared_error_never_makes_an_interval_narrower(replicates: int) -> None:
    rng = np.random.default_rng(5)
    held = 0
    for _ in range(300):
        moved = rng.normal(0, 0.01)
        ratio = 0.4 + moved + rng.normal(0, 0.02, (replicates, 1))
        common = float(rng.normal(0, 0.01, 100).var(ddof=1))
        low, high = mean_interval(ratio, common)[0, 3:]
        alone_low, alone_high = mean_interval(ratio)[0, 3:]
        assert low <= alone_low and high >= alone_high
        held += low <= 0.4 <= high
    assert held >= 0.93 * 300


def test_the_anova_knows_the_error_that_groups_share(simulations: Simulations) -> None:
    rng = np.random.default_rng(2)
    low, rounds = 0, simulations.of(60)
    for _ in range(rounds):
        moved = rng.normal(0, 0.05, 3)  # the matrix moves each group another way
        means = {("abc"[i], 24.0): (rng.normal(0, 0.05, (200, 1)) + 0.3).astype(np.float32) for i in range(3)}
        rows = pd.DataFrame(
            [
                ("abc"[i], 24.0, str(n), "x", 0.3 + moved[i] + rng.normal(0, 0.01), 100)
                for i in range(3)
                for n in range(4)
            ],
            columns=["group", "time_h", "replicate", "class", "ratio", "cells"],
        )
        with_it = anova_table(rows, errors=GroupErrors(SharedError(("x",), means))).iloc[0]
        without = anova_table(rows).iloc[0]
        assert with_it["f"] <= without["f"] and with_it["p"] >= without["p"]
        low += with_it["p"] < 0.05
    assert low / rounds <= chance_band(rounds, 0.0, 0.05)[1]
    nothing = {(name, 24.0): np.full((200, 1), 0.3, np.float32) for name in "abc"}
    assert anova_table(rows, errors=GroupErrors(SharedError(("x",), nothing))).iloc[0]["p"] == pytest.approx(
        without["p"]
    )


@pytest.mark.parametrize("ratios", [[0.3], [0.4, 0.4, 0.4], [0.2, 0.3, float("nan")], [0.5, float("nan")], [0.1, 0.3]])
def test_means_and_spread_have_the_interval_of_the_groups(ratios: list[float]) -> None:
    estimates = made(ratios, [str(number) for number in range(len(ratios))], [100] * len(ratios))
    groups = group_estimates(estimates).set_index("class")
    spread = summary_table(replicate_rows(estimates)).set_index("class").loc[groups.index]
    assert groups["low"].notna().all()
    np.testing.assert_allclose(spread[["mean", "low", "high"]], groups[["mean", "low", "high"]])


def test_rows_without_intervals_of_their_own_have_none_with_one_replicate() -> None:
    rows = replicate_rows(made([0.3], ["1"], [100])).drop(columns=["low", "high"])
    assert summary_table(rows)["low"].isna().all()
