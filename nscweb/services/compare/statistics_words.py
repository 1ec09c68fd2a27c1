"""What the page and the methods paragraph say about the tests."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd

from nscweb.core.rules import ALPHA, per_cent, spelled
from nscweb.evaluation.groups.group_errors import GroupErrors
from nscweb.evaluation.groups.power import LIMITED, out_of_reach


def tested_sentences(
    rows: pd.DataFrame,
    shown: Collection[str],
    tests: pd.DataFrame,
    control: str | None,
    adjust: str,
    errors: GroupErrors,
) -> list[str]:
    """How it was tested and what to mind.

    Args:
        rows: replicate rows that p values are adjusted over, those of hidden groups among them.
        shown: groups that the tables show.
        tests: columns of `evaluation.groups.pair_tests.TEST_COLUMNS`, of the groups shown.
        control: None for all pairs.
        adjust: key of `evaluation.groups.p_values.ADJUSTMENTS`.
        errors: what is in the intervals besides the replicates themselves.
    """
    from nscweb.evaluation.groups.p_values import ADJUSTMENTS

    groups = rows["group"].astype(str).nunique()
    if len(shown) < 2:
        return ["There is one group only, so there is nothing to compare it with."]
    times, classes = rows["time_h"].nunique(dropna=False), rows["class"].nunique()
    made = int(tests["comparisons"].max()) if len(tests) else 0
    against = f"against {control or '(no group given)'}" if control is not None else "in all pairs"
    adjusted = (
        f"p values are adjusted together for {made} comparisons "
        f"({groups} groups, time points: {times}, fates: {classes}) by {ADJUSTMENTS[adjust]}: "
        + (
            f"below {ALPHA:g}, the chance of even one false difference among all of them is at most {per_cent(ALPHA)}."
            if adjust == "holm"
            else f"below {ALPHA:g}, at most one in {spelled(round(1 / ALPHA))} of the differences found is expected "
            "to be false."
        )
    )
    said = [
        f"Groups are compared {against} on the ratios of their biological replicates ({_how(errors)}), never on pooled "
        "cells.",
        adjusted if made else "No comparison could be tested, so there is no p value; the notes in the table say why.",
    ]
    if errors.shared is not None:
        said.append(
            "What the held-out cells leave uncertain is common to all samples; it is in the intervals and p values of "
            "the differences, and in the ANOVA."
        )
    without = int(tests["p"].isna().sum())
    if without and made:
        word = "comparison has" if without == 1 else "comparisons have"
        said.append(f"{without} {word} no p value; the note in the table says why.")
    lost = int(rows.loc[rows["group"].isin(shown), "ratio"].isna().sum())
    if lost:
        word = "ratio of a replicate" if lost == 1 else "ratios of replicates"
        said.append(f"{lost} {word} could not be recovered; left out here.")
    return said


def _how(errors: GroupErrors) -> str:
    if errors.borrowed is None:
        return "Welch's t test, two-sided, which does not presume equal spread"
    return (
        "moderated t test, two-sided: the spread of replicates is drawn to that of all "
        f"{errors.borrowed.groups} groups of the study"
    )


def needed_sentence(power: pd.DataFrame, fate: str, time_h: float, difference: float, comparisons: int) -> str:
    """How many replicates a difference would need, for one fate and time point, and which number to plan with.

    Args:
        power: columns `services.compare.statistics.POWER_COLUMNS`.
        time_h: hours; NaN for samples without a time.
        difference: 0..1.
        comparisons: that p values are adjusted for.
    """
    from nscweb.words.numbers import plural, sentence_start, when

    moment = f" {when(time_h)}" if when(time_h) else ""
    hours = power["time_h"].to_numpy(float)
    here = power[(np.isnan(hours) if np.isnan(time_h) else hours == time_h) & (power["class"] == fate)]
    if here.empty:
        where = sentence_start(when(time_h)) or "Here"
        return f"{where} there are no two groups with a ratio of {plural(fate)}, so there is no difference to show."
    row = here.iloc[0]
    asked = f"To show a difference of {100 * difference:g} points in {plural(fate)}{moment}"
    if not np.isfinite(row["sd"]):
        return f"{asked}, it is not known how many replicates you would need: no group has two replicates."
    common = float(row["shared_sd"]) ** 2
    if out_of_reach(difference, common):
        return f"{asked}, no number of replicates would do: {LIMITED}."
    first = f"{asked} you would need {_replicates(row['needed'])} in each group, if that were the only question"
    if comparisons > 1:
        first += f", and {_replicates(row['needed_adjusted'])} as one of the {comparisons} comparisons tested here"
    larger = " Plan with the larger number if you will look at all of them." if comparisons > 1 else ""
    return (
        f"{first}.{larger} A few replicates say little about how replicates differ: the column for a larger spread "
        "allows for that."
    )


def still_needed(needed: int | None, now: int, comparisons: int, difference: float, reach: bool = True) -> str:
    """How many replicates would show a difference, beside an answer that is not proven; "" where there are enough.

    Args:
        needed: replicates in each group, None for more than 1,000.
        now: replicates of the smaller group.
        comparisons: that p values are adjusted for.
        difference: 0..1.
        reach: whether any number would do (`evaluation.groups.power.out_of_reach`).
    """
    among = f" (one of {comparisons} comparisons)" if comparisons > 1 else ""
    if not reach:
        return f"No number of replicates would show a true difference of {100 * difference:g} points{among}: {LIMITED}."
    if needed is not None and needed <= now:
        return ""
    number = "more than 1,000" if needed is None else f"{needed}"
    return (
        f"{number} replicates in each group would show a true difference of {100 * difference:g} points four times in "
        f"five{among}; here are {now}."
    )


def _replicates(number: int | None) -> str:
    return f"{number} replicates" if isinstance(number, int | np.integer) else "more than 1,000 replicates"
