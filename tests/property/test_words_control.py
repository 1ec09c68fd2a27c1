"""Against a control, with tiny, red and lost groups: the headline claims only what can be relied on."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from nscweb.core.rules import FEWEST_CELLS
from nscweb.words.headline import Facts, answer
from nscweb.words.how_early import how_early, over_times

SHARE = st.floats(0, 1)
TIMES = (24.0, 72.0)


@st.composite
def studies(draw: st.DrawFn) -> tuple[pd.DataFrame, pd.DataFrame, str]:
    names = [f"g{index}" for index in range(draw(st.integers(2, 4)))]
    groups, tests = [], []
    for hours in TIMES:
        here = [name for name in names if draw(st.integers(0, 5))]
        for name in here:
            low, mean, high = sorted(draw(st.tuples(SHARE, SHARE, SHARE)))
            recovered = bool(draw(st.integers(0, 5)))
            groups.append(
                {
                    "group": name,
                    "time_h": hours,
                    "class": "neuron",
                    "replicates": draw(st.integers(1, 4)),
                    "cells": draw(st.sampled_from([3, 19, 20, 500])),
                    "mean": mean if recovered else np.nan,
                    "low": low if recovered else np.nan,
                    "high": high if recovered else np.nan,
                    "recovered": recovered,
                    "light": draw(st.sampled_from(["green", "yellow", "red", ""])),
                }
            )
        for one in here:
            for other in here:
                if one < other:
                    low, gap, high = sorted(draw(st.tuples(*[st.floats(-1, 1)] * 3)))
                    p = draw(st.sampled_from([0.001, 0.04, 0.3, np.nan]))
                    tests.append(("neuron", hours, one, other, gap, low, high, p, 6, ""))
    columns = ["group", "time_h", "class", "replicates", "cells", "mean", "low", "high", "recovered", "light"]
    tested = ["class", "time_h", "group", "other", "difference", "low", "high", "p", "comparisons", "light"]
    control = draw(st.sampled_from(["", *names]))
    return pd.DataFrame(groups, columns=columns), pd.DataFrame(tests, columns=tested), control


def shown(tests: pd.DataFrame, one: str, other: str, hours: float) -> bool:
    here = tests[(tests["time_h"] == hours) & tests[["group", "other"]].isin([one, other]).all(axis=1)]
    if here.empty:
        return False
    row = here.iloc[0]
    return bool(row["p"] < 0.05 and (row["low"] if row["group"] == one else -row["high"]) > 0)


@settings(max_examples=50, deadline=None)
@given(studies())
def test_only_what_can_be_relied_on_is_called_higher(study: tuple[pd.DataFrame, pd.DataFrame, str]) -> None:
    table, tests, control = study
    for hours in TIMES:
        said = answer(table, tests, "neuron", hours, Facts(control=control))
        here = table[table["time_h"] == hours].set_index("group")
        trusted = here[here["recovered"].astype(bool) & (here["light"] != "red")]
        enough = trusted[trusted["cells"] >= FEWEST_CELLS]
        assert set(said.order) == set(table["group"])
        assert bool(said.leader) == bool(len(trusted))
        if said.verdict in ("clear", "control"):
            assert said.leader in enough.index
            beaten = [control] if control else [name for name in enough.index if name != said.leader]
            assert beaten and all(name in enough.index for name in beaten)
            assert all(shown(tests, said.leader, name, hours) for name in beaten)
        else:
            assert "; higher than" not in said.headline
        for name in set(here.index) - set((enough if len(enough) else trusted).index):
            # A group that is not ranked is named, or the sentence says that none can be.
            assert name in said.headline or not said.leader
        assert said.headline == answer(table.iloc[::-1], tests, "neuron", hours, Facts(control=control)).headline


@settings(max_examples=30, deadline=None)
@given(studies())
def test_since_when_and_over_time_claim_no_more(study: tuple[pd.DataFrame, pd.DataFrame, str]) -> None:
    table, tests, control = study
    said = answer(table, tests, "neuron", TIMES[-1], Facts(control=control))
    if not said.leader:
        return
    early = how_early(table, tests, "neuron", said.leader, Facts(control=control))
    if "is higher than" in early:
        assert said.verdict in ("clear", "control")
    every = over_times(table, tests, "neuron", control)
    last = every.rpartition("day 3: ")[2] if "day 3" in every else ""
    assert (", higher than" in last) == (said.verdict in ("clear", "control")) or not last
