"""The tables of group statistics, a row each: how they are made, what they hold, how page and report show them.

A statistical test is a function in `nscweb.evaluation.groups`, a row here, and its columns in
`nscweb/core/columns.toml`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from nscweb.core.rules import POWER, per_cent
from nscweb.services.compare.statistics import Statistics, equivalence_of, odds_of, sizes_differ
from nscweb.services.compare.statistics_words import needed_sentence
from nscweb.words.nothing import NO_CELL, NO_CONTROL, ONE_GROUP

_PLACE = ("time_h", "class")
_PAIR = (*_PLACE, "group", "compared_with")
_PAIR_SHOWN = ("time", "class", "group", "compared_with")
# With more comparisons than this, what takes seconds waits until somebody asks for it.
_QUICK_COMPARISONS = 60


@dataclass(frozen=True)
class GroupTable:
    """One table of group statistics.

    Attributes:
        name: of the table, its sheet and its heading, at most 31 characters.
        file: in the zip of a report.
        holds: what it is, for people.
        keys: columns that name a row, as files have them.
        made: (replicate rows, statistics) -> the table, as the program computes with it.
        shown: columns that a page shows.
        nothing: why it may be empty.
        title, icon: of its fold on the page Compare; "" for a table that has a place of its own there.
        caption: statistics -> what it asks, above the table.
        note: (statistics, fate, time_h) -> a sentence on what the page asks about; "" for none.
        against_control: it needs a control.
        together: its p values are adjusted over the family of all comparisons, and not by themselves.
        waits: (replicate rows, statistics) -> it takes seconds, and nobody needs it at once; None where it never does.
    """

    name: str
    file: str
    holds: str
    keys: tuple[str, ...]
    made: Callable[[pd.DataFrame, Statistics], pd.DataFrame]
    shown: tuple[str, ...]
    nothing: str = ONE_GROUP
    title: str = ""
    icon: str = ""
    caption: Callable[[pd.DataFrame, Statistics], str] = lambda rows, found: ""
    note: Callable[[Statistics, str, float], str] = lambda found, fate, time_h: ""
    against_control: bool = False
    together: bool = False
    waits: Callable[[pd.DataFrame, Statistics], bool] | None = None

    def why_nothing(self, found: Statistics) -> str:
        """Why the table has no row."""
        return NO_CONTROL if self.against_control and found.control is None else self.nothing


def _no_worse(rows: pd.DataFrame, found: Statistics) -> str:
    return (
        "That no difference was found does not show that there is none. Here the question is turned round: is the "
        f"group shown to be no worse than {100 * found.settings.margin:g} points below the control? “Worse” means a "
        "lower ratio of the fate."
    )


def _replicates(rows: pd.DataFrame, found: Statistics) -> str:
    shared = (
        " What the held-out cells leave uncertain is in it, as in the intervals; more replicates do not lessen that."
        if found.errors.shared
        else ""
    )
    return (
        f"For a true difference of {100 * found.settings.difference:g} points, from the spread between replicates that "
        "was seen in all groups of the run, also in hidden ones. Two-sided t test, power "
        f"{per_cent(POWER)}. Time points with one group are left out.{shared}"
    )


def _weighed(rows: pd.DataFrame, found: Statistics) -> str:
    differ = "Replicates differ more than threefold in cells here. " if sizes_differ(rows) else ""
    return (
        f"{differ}This model weighs each replicate by what its cells can tell, given how alike cells of one replicate "
        "are."
    )


def _needed(found: Statistics, fate: str, time_h: float) -> str:
    if not fate or found.tests.empty:
        return ""
    made = int(found.tests["comparisons"].max())
    return needed_sentence(found.power, fate, time_h, found.settings.difference, made)


GROUP_TABLES: tuple[GroupTable, ...] = (
    GroupTable(
        "All comparisons",
        "all_comparisons.csv",
        "the same comparisons, adjusted together over all fates and times",
        _PAIR,
        lambda rows, found: found.tests,
        (
            *_PAIR_SHOWN,
            *("difference_points", "low_points", "high_points", "p_adjusted", "p_unadjusted", "p_games_howell"),
            *("hedges_g", "hedges_g_low", "hedges_g_high", "replicates_group", "replicates_compared_with", "note"),
        ),
        together=True,
    ),
    GroupTable(
        "Means and spread",
        "means_and_spread.csv",
        "mean, SD, SEM and normality of each group",
        ("group", *_PLACE),
        lambda rows, found: found.summary,
        (
            *("time", "class", "group", "replicates", "mean_percent", "low_percent", "high_percent"),
            *("sd_points", "sem_points", "cells", "p_shapiro", "note"),
        ),
        nothing=NO_CELL,
    ),
    GroupTable(
        "ANOVA",
        "anova.csv",
        "Analysis of variance (Welch's) over all groups of a time point",
        _PLACE,
        lambda rows, found: found.anova,
        (
            *("time", "class", "groups", "replicates", "welch_f", "degrees_between", "degrees_within"),
            *("p_adjusted", "p_unadjusted", "p_levene", "note"),
        ),
    ),
    GroupTable(
        "Equivalence",
        "equivalence.csv",
        "no worse than the control by more than a margin?",
        _PAIR,
        equivalence_of,
        (
            *_PAIR_SHOWN,
            *("verdict", "difference_points", "low_90_points", "high_90_points"),
            *("p_no_worse_adjusted", "p_equivalent_adjusted", "note"),
        ),
        title="No worse than the control?",
        icon=":material/balance:",
        caption=_no_worse,
        against_control=True,
    ),
    GroupTable(
        "Odds",
        "odds.csv",
        "odds ratios of a model of cells within replicates",
        _PAIR,
        odds_of,
        (
            *_PAIR_SHOWN,
            *("odds_ratio", "odds_ratio_low", "odds_ratio_high", "p_adjusted", "p_unadjusted"),
            *("intraclass_correlation", "note"),
        ),
        title="Replicates of different size: cells within replicates",
        icon=":material/scatter_plot:",
        caption=_weighed,
        against_control=True,
        waits=lambda rows, found: not sizes_differ(rows) or len(found.tests) > _QUICK_COMPARISONS,
    ),
    GroupTable(
        "Replicates needed",
        "replicates_needed.csv",
        "replicates that would show a difference, from the spread seen",
        _PLACE,
        lambda rows, found: found.power,
        (
            *("time", "class", "sd_points", "shared_error_points", "replicates_needed", "replicates_needed_adjusted"),
            *("replicates_needed_larger_sd", "detectable_points"),
        ),
        title="How many replicates would be needed?",
        icon=":material/groups:",
        caption=_replicates,
        note=_needed,
    ),
)
