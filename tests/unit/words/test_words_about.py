"""The sentence about a group that was asked for by name says higher, lower or neither, as the test does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from nscweb.words.asked_group import about
from nscweb.words.rows import Facts

DAY = 24.0


def group(name: str, mean: float, **more: Any) -> dict[str, Any]:
    base = {"group": name, "time_h": DAY, "class": "neuron", "replicates": 3, "cells": 900, "light": "green"}
    return {**base, "mean": mean, "low": mean - 0.04, "high": mean + 0.04, "recovered": True, **more}


def compared(one: str, other: str, gap: float, half: float, p: float) -> dict[str, Any]:
    base = {"time_h": DAY, "class": "neuron", "group": one, "other": other, "comparisons": 3, "p": p}
    return {**base, "difference": gap, "low": gap - half, "high": gap + half}


GROUPS = pd.DataFrame([group("NGF", 0.6), group("NT4", 0.7), group("MT", 0.3), group("CNTF", 0.58)])
TESTS = pd.DataFrame(
    [
        compared("NGF", "NT4", -0.1, 0.05, 0.02),
        compared("NGF", "MT", 0.3, 0.05, 0.001),
        compared("CNTF", "NGF", -0.02, 0.05, 0.6),
    ]
)


def say(name: str, tests: pd.DataFrame = TESTS, groups: pd.DataFrame = GROUPS, **facts: Any) -> tuple[str, str]:
    said = about(groups, tests, "neuron", DAY, name, Facts(**facts))
    return said.headline, said.verdict


@pytest.mark.parametrize(
    ("control", "words", "verdict"),
    [
        ("NT4", "lower than NT4 by 10 points [5, 15], p = 0.02 adjusted for 3 comparisons.", "control"),
        ("MT", "higher than MT by 30 points [25, 35], p = 0.001 adjusted for 3 comparisons.", "control"),
        (
            "CNTF",
            "not proven to differ from CNTF (difference 2 points [−3, 7], p = 0.60 adjusted for 3 comparisons).",
            "open",
        ),
    ],
)
def test_a_group_against_another_is_told_in_its_direction(control: str, words: str, verdict: str) -> None:
    text, said = say("NGF", control=control)
    assert text.startswith(f"NGF: 60 % neurons at day 1 [56, 64], 3 replicates; {words}") and said == verdict
    chosen = f"p holds only if NGF and {control} were chosen before the results were seen."
    assert (chosen in text) == (verdict == "control")
    assert "p holds only" not in say("NGF", control=control, control_marked=True)[0]


def test_without_a_control_every_other_group_is_named_once() -> None:
    text, verdict = say("NGF", simulated_cells=True)
    assert text == (
        "Simulated cells. NGF: 60 % neurons at day 1 [56, 64], 3 replicates; shown higher than MT; shown lower "
        "than NT4; not proven to differ from CNTF (p adjusted for 3 comparisons)."
    )
    assert verdict == "clear"


def test_what_was_not_tested_is_not_called_equal() -> None:
    assert "; not tested against NT4, CNTF and MT." in say("NGF", TESTS.assign(p=np.nan))[0]
    said = about(GROUPS, TESTS, "neuron", DAY, "NGF", Facts(control="RA"))
    assert "not compared with RA, which has no cells then" in said.headline
    assert said.verdict == "open" and said.untested


@pytest.mark.parametrize(
    ("more", "words"), [({"light": "red"}, "red trust light"), ({"recovered": False}, "cannot be recovered")]
)
def test_a_share_that_cannot_be_relied_on_is_not_given(more: dict[str, Any], words: str) -> None:
    text, verdict = say("NGF", groups=pd.DataFrame([group("NGF", 0.6, **more), group("NT4", 0.7)]))
    assert verdict == "none" and words in text and "%" not in text
    assert say("RA")[0] == "There is no share of neurons in RA at day 1: it has no cells then."
    few = pd.DataFrame([group("NGF", 0.6, cells=5), group("NT4", 0.7)])
    assert "too few cells to compare" in say("NGF", groups=few)[0]
