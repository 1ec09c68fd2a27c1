"""Numbers in sentences are never rounded towards a stronger claim."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from nscweb.words.headline import answer
from nscweb.words.numbers import listed, p_value, plural, points, share_with_interval, when

SHARE = st.floats(0, 1)
LIGHTS = st.sampled_from(["green", "yellow", "red", ""])


def numbers(text: str) -> list[float]:
    return [float(part.replace("−", "-")) for part in re.findall(r"[−-]?\d+(?:\.\d+)?", text)]


@given(st.tuples(SHARE, SHARE, SHARE).map(sorted))
def test_a_printed_interval_holds_the_interval(values: list[float]) -> None:
    low, mean, high = values
    below, above = numbers(share_with_interval(mean, low, high).split("[")[1])
    assert below <= 100 * low + 1e-6 and above >= 100 * high - 1e-6


@given(st.tuples(*[st.floats(-1, 1)] * 3).map(sorted))
def test_a_printed_difference_keeps_its_interval_and_its_side_of_zero(values: list[float]) -> None:
    low, gap, high = values
    below, above = numbers(points(gap, low, high).split("[")[1])
    assert below <= 100 * low + 1e-6 and above >= 100 * high - 1e-6
    # Outwards to a tenth: an end closer to zero than that may print as zero, never as beyond it.
    assert not (below > 0 >= low) and not (above < 0 <= high)


@given(st.floats(0, 1))
def test_a_printed_p_stays_on_its_side_of_five_per_cent(p: float) -> None:
    value = numbers(p_value(p))[0]
    assert (value < 0.05) == (p < 0.05) or p_value(p) == "p < 0.001"


@st.composite
def studies(draw: st.DrawFn) -> tuple[pd.DataFrame, pd.DataFrame]:
    names = [f"g{index}" for index in range(draw(st.integers(1, 4)))]
    groups, tests = [], []
    for name in names:
        low, mean, high = sorted(draw(st.tuples(SHARE, SHARE, SHARE)))
        recovered = draw(st.booleans())
        number = draw(st.integers(1, 5))
        groups.append(
            {
                "group": name,
                "time_h": 24.0,
                "class": "neuron",
                "replicates": number,
                "cells": 100,
                "mean": mean if recovered else np.nan,
                "low": low if recovered else np.nan,
                "high": high if recovered else np.nan,
                "recovered": recovered,
                "light": draw(LIGHTS),
            }
        )
    table = pd.DataFrame(groups)
    for index, one in enumerate(names):
        for second, other in enumerate(names[index + 1 :], start=index + 1):
            number = min(groups[index]["replicates"], groups[second]["replicates"])
            low, gap, high = sorted(draw(st.tuples(*[st.floats(-1, 1)] * 3)))
            p = draw(st.floats(0, 1)) if number >= 3 else np.nan
            tests.append(("neuron", 24.0, one, other, gap, low, high, p, 6))
    columns = ["class", "time_h", "group", "other", "difference", "low", "high", "p", "comparisons"]
    return table, pd.DataFrame(tests, columns=columns)


@settings(max_examples=60, deadline=None)
@given(studies())
def test_a_headline_never_claims_more_than_the_tables(study: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    table, tests = study
    said = answer(table, tests, "neuron", 24.0)
    by_name = table.set_index("group")
    assert set(said.order) == set(table["group"])
    if not said.leader:
        assert "%" not in said.headline and "p =" not in said.headline
        return
    leader = by_name.loc[said.leader]
    assert leader["recovered"] and leader["light"] != "red"
    trusted = by_name[by_name["recovered"] & (by_name["light"] != "red")]
    assert leader["mean"] == trusted["mean"].max()
    if leader["replicates"] < 3:
        assert "p <" not in said.headline and "p =" not in said.headline
    if "; higher than" in said.headline:
        assert (trusted["replicates"] >= 3).all() and said.verdict == "clear"
        for other in set(trusted.index) - {said.leader}:
            row = tests[tests[["group", "other"]].isin([said.leader, other]).all(axis=1)].iloc[0]
            low = row["low"] if row["group"] == said.leader else -row["high"]
            assert low > 0 and row["p"] < 0.05
    for name in by_name.index[by_name["light"] == "red"]:
        assert f"{name}:" not in said.headline


def test_words_of_names_and_times() -> None:
    assert [plural(name) for name in ("neuron", "NT3 medium", "glia", "cells")] == [
        "neurons",
        'cells of class "NT3 medium"',
        "glias",
        "cells",
    ]
    assert listed(["a"]) == "a" and listed(list("abcdef")) == "a, b, c and 3 more"
    assert when(24.0) == "at day 1" and when(float("nan")) == ""
    assert p_value(0.0499) == "p = 0.0499" and p_value(1.0) == "p > 0.99" and p_value(0.0) == "p < 0.001"
    assert share_with_interval(0.001, 0.0, 0.01) == "less than 1 % [0, 1]"
