"""One replicate without a line, first and last time points that groups share, and p values named for files."""

from __future__ import annotations

import numpy as np
import pandas as pd

from nscweb.evaluation.groups.pair_tests import group_tests
from nscweb.evaluation.groups.spread import anova_table
from nscweb.evaluation.groups.time_course import agreement
from nscweb.figures.fate_over_time import bland_altman, course_bands
from nscweb.services.compare.courses import courses_of
from nscweb.services.compare.statistics import for_file


def rows_of(values: dict[tuple[str, float], list[float]]) -> pd.DataFrame:
    lines = [
        (group, hours, str(number), "neuron", value, 100)
        for (group, hours), shares in values.items()
        for number, value in enumerate(shares)
    ]
    return pd.DataFrame(lines, columns=["group", "time_h", "replicate", "class", "ratio", "cells"])


def test_a_single_replicate_is_open_with_its_own_interval_and_not_joined() -> None:
    rows = rows_of({("a", 12.0): [0.0], ("a", 24.0): [0.5, 0.6, 0.7], ("a", 72.0): [0.8, 0.7, 0.9]})
    groups = pd.DataFrame([("a", 12.0, "neuron", 0.0, 0.4)], columns=["group", "time_h", "class", "low", "high"])
    course = courses_of(rows, groups).course
    assert course["interval"].tolist() == ["cells of the one replicate", "replicates", "replicates"]
    line = next(trace for trace in course_bands(course, rows, ["a"], fate="neuron").data if trace.name == "a")
    y = np.array(line.y, float)
    assert np.isnan(y).tolist() == [False, True, False, False]
    assert [text.endswith("-open") for text in line.marker.symbol] == [True, False, False, False]
    assert line.error_y.array[0] == 40 and np.isnan(np.array(line.error_y.array, float)[1:]).all()


def test_only_groups_with_the_common_ends_are_compared_and_limits_stay_possible() -> None:
    values = {(name, hours): [share] for name in "abc" for hours, share in ((24.0, 0.1), (72.0, 0.9))}
    values |= {("b", 24.0): [0.9], ("b", 72.0): [0.0], ("d", 12.0): [0.1], ("d", 72.0): [0.2], ("e", 24.0): [0.3]}
    found = courses_of(rows_of(values))
    assert found.pairs["group"].tolist() == ["a", "b", "c"]
    assert found.ends.set_index("group")["used"].to_dict() == {"a": True, "b": True, "c": True, "d": False, "e": False}
    agreed = found.agreements["neuron"]
    assert agreed.lower_low == -1 and agreed.upper_high == 1
    bottom, top = bland_altman(found.pairs, agreed).layout.yaxis.range
    assert (bottom, top) == (-100, 100)
    assert agreement(np.array([5.0, 9, 20]), np.zeros(3)).upper > 1


def test_words_name_an_uneven_pair() -> None:
    rng = np.random.default_rng(0)
    values = {("a", hours): [0.1, 0.5, 0.9] for hours in (24.0, 72.0)}
    values |= {("b", hours): list(0.5 + rng.normal(0, 0.02, 6)) for hours in (24.0, 72.0)}
    tests = group_tests(rows_of(values), "b")
    assert tests["note"].str.contains("vary more than the 6 of b").all()
    few = group_tests(rows_of({("a", 24.0): [0.1], ("b", 24.0): [0.2]}), "b")
    assert "no comparison could be tested" in few["method"].iloc[0]


def test_a_file_has_no_bare_p() -> None:
    rows = rows_of({("a", 24.0): [0.0, 0, 1, 1], ("b", 24.0): [0.0, 0, 1, 1]})
    anova = anova_table(rows)
    assert np.isnan(anova["levene_p"].iloc[0])
    for frame in (anova, group_tests(rows, "a")):
        written = for_file(frame)
        assert "p" not in written and {"p_single", "p_adjusted", "comparisons", "family"} <= set(written)
    assert for_file(pd.DataFrame({"p": [0.1]}))["family"].tolist() == ["not adjusted"]
