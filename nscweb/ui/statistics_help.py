"""The help behind each statistical word: what a column of the tables means."""

from __future__ import annotations

PAIR, ALONE = "p, this pair alone", "p, this test alone"
_HELP: dict[str, str] = {
    "Group": "Inducer group of the sample sheet.",
    "Compared with": "The group that it is compared with: the one chosen, else the one that is first in the answer.",
    "Time": "Time since induction.",
    "Fate": "Predicted class.",
    "Difference": "Mean ratio of the group minus that of the one it is compared with, in points (per cent of cells).",
    "95 % interval": "True differences that fit these replicates: of 100 such intervals, about 95 hold the truth. "
    "It is about this comparison alone.",
    PAIR: "Chance to see a difference at least this large if there were none, for this comparison alone.",
    ALONE: "Chance to see this if there were no difference, for this one test, not adjusted.",
    "p, adjusted": "p after correction for the number of comparisons. This one decides.",
    "Games-Howell p": "p adjusted for all pairs of groups within one time point and fate, for unequal spread.",
    "Hedges g": "The difference in units of the spread between replicates, corrected for few replicates. "
    "About 0.2 is small, 0.8 large.",
    "g interval": "95 % interval of Hedges g (noncentral t).",
    "Replicates": "Biological replicates of the group and of the one that it is compared with.",
    "Note": "Why a number is missing, or what to mind.",
    "n": "Biological replicates with a ratio.",
    "Mean": "Mean ratio over replicates, each with the same weight.",
    "SD": "Standard deviation: how much replicates differ, in points.",
    "SEM": "Standard error of the mean: SD divided by the square root of n, in points.",
    "Shapiro p": "Shapiro-Wilk test of normality. Shown only: with so few replicates it can hardly see anything, so "
    "it decides nothing.",
    "F": "Welch's F: spread of the group means over the spread within groups.",
    "Levene p": "Levene's test of equal spread. Shown only: the tests used here do not need equal spread.",
    "No worse, p": "Chance to see this if the group were worse than the control by the margin. Below 0.05, it is "
    "shown to be no worse. Adjusted for all comparisons.",
    "Equal, p": "The same in both directions (two one-sided tests). Adjusted for all comparisons.",
    "90 % interval": "If it lies within the margins, both one-sided tests are below 0.05.",
    "Verdict": "What the adjusted p values say.",
    "Odds ratio": "Odds of the fate in the group over those in the control; 1 means no difference.",
    "rho": "Intra-class correlation: how much more alike cells of one replicate are than cells of two (0 to 1).",
    "Spread (SD)": "Standard deviation between replicates, joined over all groups, in points.",
    "Needed per group": "Replicates in each group that find the difference four times in five (power 80 %, p below "
    "0.05).",
    "Needed per group, p adjusted": "The same when p is adjusted for all comparisons (Bonferroni).",
    "Needed per group, larger spread": "As the first number, but with the upper 80 % limit of the spread: "
    "few replicates tell little about it.",
    "Can be shown now": "The smallest true difference that the two smallest groups find four times in five.",
    "Predicted": "Mean predicted ratio over replicates with its 95 % interval.",
    "Counted": "The share counted by hand; in brackets its own interval, where cells were counted.",
    "Counted n": "How many were counted, and what.",
    "Source": "Where the count is from.",
    "Marker": "Marker that was counted.",
    "Cells": "Cells counted in all replicates of the group.",
    "Groups": "Groups with three replicates or more.",
    "Degrees of freedom": "How much the spread is known: the more replicates, the larger the second number.",
    "Reliable from": "First time point at which the group differs from the control and keeps differing.",
    "Direction": "More or less of the fate than in the control.",
    "In words": "The same as a sentence.",
    "EC50": "Dose of half the effect.",
    "At dose 0 (%)": "Lower plateau of the curve in dose: the share without the inducer.",
    "At high dose (%)": "Upper plateau of the curve in dose: the share with very much of the inducer.",
    "p of the curve": "Chance that a share which does not depend on the dose fits a curve so much better than a flat "
    "line (F test), for this curve alone.",
}
_MEAN = "Means that fit these replicates: of 100 such intervals, about 95 hold the true mean ratio of the group."
# Columns that mean something else in one table than in the others.
_IN_TABLE: dict[tuple[str, str], str] = {
    ("groups_summary", "95 % interval"): _MEAN,
    ("anova", "n"): "Biological replicates of all groups together.",
    ("odds", "95 % interval"): "Odds ratios that fit these replicates. If it holds 1, no difference is shown.",
    ("dose_curves", "95 % interval"): "Doses of half the effect that fit these replicates.",
    ("dose_curves", "n"): "Replicates at all doses together.",
    ("counts", "Difference"): "Predicted minus counted, in points.",
    ("counts", "Replicates"): "Biological replicates behind the prediction.",
}


def help_of(column: str, table: str = "") -> str:
    """Help on a column; "" for one that is not known."""
    return _IN_TABLE.get((table, column), _HELP.get(column, ""))
