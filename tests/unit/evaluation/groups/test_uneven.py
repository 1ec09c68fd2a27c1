"""Uneven numbers of replicates are told beside every test that does not hold its 5 % then."""

from __future__ import annotations

import numpy as np
import pandas as pd

from nscweb.evaluation.groups.mixed_model import odds_ratios
from nscweb.evaluation.groups.pair_tests import group_tests
from nscweb.evaluation.groups.replicate_rows import uneven_words
from nscweb.evaluation.groups.spread import anova_table

_FEW = [0.30, 0.50, 0.70]
_MANY = [0.40, 0.42, 0.44, 0.46, 0.48, 0.50]


def _rows(groups: dict[str, list[float]]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"group": name, "time_h": 24.0, "replicate": str(i), "class": "neuron", "ratio": value, "cells": 500}
            for name, values in groups.items()
            for i, value in enumerate(values)
        ]
    )


def test_three_that_vary_more_beside_six_are_named_with_what_was_measured() -> None:
    groups = {"a": np.array(_FEW), "b": np.array(_MANY)}
    said = uneven_words(groups, 7)
    assert said.startswith("a has 3 replicates that vary more than the 6 of b.") and "about 7 instead" in said
    assert said == uneven_words(dict(reversed(groups.items())), 7)


def test_equal_numbers_and_fewer_that_vary_less_are_fine() -> None:
    even = {"a": np.array(_FEW), "b": np.array(_MANY[:3])}
    calm = {"a": np.array(_MANY[:3]), "b": np.array(_FEW * 2)}
    short = {"a": np.array(_FEW[:2]), "b": np.array(_MANY)}
    same = {"a": np.full(3, 0.5), "b": np.array(_MANY)}
    assert not any(uneven_words(groups, 7) for groups in (even, calm, short, same))


def test_the_most_uneven_pair_is_named() -> None:
    groups = {"a": np.array(_FEW), "b": np.array(_MANY), "c": np.array(_MANY) / 10}
    assert "of c." in uneven_words(groups, 7)


def test_pairs_anova_and_odds_say_it() -> None:
    rows = _rows({"a": _FEW, "b": _MANY})
    assert "about 7 instead" in group_tests(rows, "b")["note"].iloc[0]
    assert "about 10 instead" in anova_table(rows)["note"].iloc[0]
    odds = odds_ratios(rows, "b")
    assert "about 9 instead" in odds["note"].iloc[0] and np.isfinite(odds["p"].iloc[0])
