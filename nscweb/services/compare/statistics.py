"""Statistics of a run for page and file: the replicate rows in, frames and plain sentences out."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.core.errors import WrongUse
from nscweb.core.rules import ALPHA, DEFAULT_ADJUST, DIFFERENCE, MARGIN
from nscweb.core.run_record import Run
from nscweb.evaluation.groups.group_errors import ALONE, GroupErrors
from nscweb.evaluation.groups.replicate_rows import OWN_ENDS, ROW_COLUMNS
from nscweb.services.kept import kept, table_mark
from nscweb.services.predict.runs import get_run, study_of

if TYPE_CHECKING:
    from nscweb.services.context import App

# Columns of replicate rows that statistics are made from.
ROWS = [*ROW_COLUMNS, *OWN_ENDS]
POWER_COLUMNS: tuple[str, ...] = (
    "time_h",
    "class",
    "sd",
    "sd_upper",
    "degrees",
    "shared_sd",
    "difference",
    "needed",
    "needed_adjusted",
    "needed_upper",
    "detectable",
)


@dataclass(frozen=True)
class TestSettings:
    """What is tested. Hashable, so that it can be part of a cache key.

    Attributes:
        control: group that the others are compared with; None takes the group whose samples the sheet marks as
            control, and all pairs where there is none.
        adjust: ``holm`` (chance of even one false difference at most 5 %) or ``fdr_bh`` (at most 5 % of the
            differences found are false, in expectation).
        pairs: all pairs, also where there is a control.
        margin: 0..1, "no worse than the control by more than this".
        difference: 0..1, the difference that an experiment should be able to show.
        classes, times_h: fates and time points compared; empty takes all. Fewer mean a milder adjustment, so
            they should be chosen before looking.
    """

    __test__ = False  # not a test class, whatever its name suggests to pytest

    control: str | None = None
    adjust: str = DEFAULT_ADJUST
    pairs: bool = False
    margin: float = MARGIN
    difference: float = DIFFERENCE
    classes: tuple[str, ...] = ()
    times_h: tuple[float, ...] = ()


@dataclass(frozen=True, eq=False)
class Statistics:
    """What `statistics_of` found; every frame has one row per line of a table, ready for CSV.

    Attributes:
        settings: as asked.
        control: group that was the control, None for all pairs.
        summary: columns of `evaluation.groups.spread.SUMMARY_COLUMNS`.
        tests: columns of `evaluation.groups.pair_tests.TEST_COLUMNS`.
        anova: columns of `evaluation.groups.spread.ANOVA_COLUMNS`.
        power: columns `POWER_COLUMNS`: what experiments of this spread can show; time points with two groups or more,
            those that a filter hides among them. ``shared_sd`` is the standard error of a difference that comes from
            the error that samples share.
        sentences: how it was tested and what to mind, for the page and the methods paragraph.
        errors: what is in the intervals besides the replicates themselves.
        hidden: replicate rows of groups that a filter hides: adjusted for as well, but in no table.
    """

    settings: TestSettings
    control: str | None
    summary: pd.DataFrame
    tests: pd.DataFrame
    anova: pd.DataFrame
    power: pd.DataFrame
    sentences: tuple[str, ...]
    errors: GroupErrors
    hidden: pd.DataFrame | None = None


def default_control(app: App, run: Run | str) -> str | None:
    """The one group whose samples the sheet marks as control; None when there is none, or more than one."""
    study = study_of(app, get_run(app, run))
    marked = {sample.group for sample in study.samples if sample.control} if study else set()
    return marked.pop() if len(marked) == 1 else None


def _key(
    app: App,
    run: Run | str,
    rows: pd.DataFrame,
    settings: TestSettings,
    errors: GroupErrors = ALONE,
    hidden: pd.DataFrame | None = None,
) -> Hashable:
    """With the control of the sample sheet where none was chosen."""
    control = default_control(app, run) if settings.control is None and not settings.pairs else None
    return (table_mark(rows), settings, control, errors, table_mark(hidden))


@kept(24, _key)
def statistics_of(
    app: App,
    run: Run | str,
    rows: pd.DataFrame,
    settings: TestSettings,
    errors: GroupErrors = ALONE,
    hidden: pd.DataFrame | None = None,
) -> Statistics:
    """Compare the groups of a run on their replicates.

    Args:
        rows: replicate rows: group, time_h, replicate, class, ratio (NaN where not recovered), cells.
        settings: what to compare.
        errors: what is known of the error of group means (`Comparison.errors`).
        hidden: replicate rows of groups that a filter hides (`Comparison.hidden_rows`); p values count them.

    Raises:
        WrongUse: a control group without rows, or an unknown way to adjust.
    """
    from nscweb.evaluation.groups.pair_tests import group_tests
    from nscweb.evaluation.groups.spread import anova_table, summary_table
    from nscweb.services.compare.statistics_words import tested_sentences

    shown = _narrowed(rows, settings)
    control = _control(app, run, shown, settings)
    family = _family(rows, settings, hidden)
    tests = group_tests(family, control, adjust=settings.adjust, difference=settings.difference, errors=errors)
    # Counted over all groups: what is looked at must not move how many replicates are needed.
    power = _power(family, control, settings, int(tests["comparisons"].max()) if len(tests) else 0, errors)
    tests = _of_shown(tests, shown)
    return Statistics(
        settings=settings,
        control=control,
        summary=summary_table(shown, errors),
        tests=tests,
        anova=anova_table(shown, settings.adjust, errors),
        power=power,
        sentences=tuple(tested_sentences(family, set(shown["group"]), tests, control, settings.adjust, errors)),
        errors=errors,
        hidden=hidden,
    )


def equivalence_of(rows: pd.DataFrame, found: Statistics) -> pd.DataFrame:
    """ "No worse than the control by more than the margin": evaluation.groups.equivalence; empty without a control.

    Args:
        rows: the same replicate rows as for `statistics_of`.
    """
    from nscweb.evaluation.groups.equivalence import EQUIVALENCE_COLUMNS, equivalence_table

    if found.control is None:
        return pd.DataFrame(columns=list(EQUIVALENCE_COLUMNS))
    settings = found.settings
    table = equivalence_table(
        _family(rows, settings, found.hidden),
        found.control,
        settings.margin,
        adjust=settings.adjust,
        errors=found.errors,
    )
    return _of_shown(table, rows)


def odds_of(rows: pd.DataFrame, found: Statistics) -> pd.DataFrame:
    """Logit model of cells within replicates: evaluation.groups.mixed_model; empty without a control."""
    from nscweb.evaluation.groups.mixed_model import MODEL_COLUMNS, odds_ratios

    if found.control is None:
        return pd.DataFrame(columns=list(MODEL_COLUMNS))
    family, adjust = _family(rows, found.settings, found.hidden), found.settings.adjust
    return _of_shown(odds_ratios(family, found.control, adjust=adjust, shared=found.errors.shared), rows)


def family_words(rows: pd.DataFrame, found: Statistics) -> str:
    """Over what the p values of a table were adjusted together, for the line of a file.

    Args:
        rows: the same replicate rows as for `statistics_of`.
    """
    shown = _family(rows, found.settings, found.hidden)
    groups = shown["group"].astype(str).nunique()
    against = "in all pairs" if found.control is None else f"against {found.control or '(no group given)'}"
    times, classes = shown["time_h"].nunique(dropna=False), shown["class"].nunique()
    return f"{groups} groups {against}; time points: {times}; fates: {classes}"


def for_file(frame: pd.DataFrame, family: str = "") -> pd.DataFrame:
    """The frame with p values named as in the files of Report: ``p_single``, ``p_adjusted``, never a bare ``p``.

    Args:
        family: over what they were adjusted together; "" where it is every test of this table.

    Returns:
        The same rows; ``comparisons`` counts the tests of the family and ``family`` says in words what they are.
    """
    named = frame.rename(columns={"p": "p_single"})
    adjusted = [name for name in named.columns if str(name).startswith("p_") and str(name).endswith("_adjusted")]
    if "p_single" in named and not adjusted:
        return named.assign(family="not adjusted")
    if not adjusted:
        return named
    if "comparisons" not in named:
        named["comparisons"] = int(named[adjusted[0]].notna().sum())
    return named.assign(family=family or "every test of this table that has a p value")


def sizes_differ(rows: pd.DataFrame) -> bool:
    """True when the largest replicate has more than three times the cells of the smallest."""
    cells = rows["cells"].to_numpy(np.float64)
    cells = cells[cells > 0]
    return bool(len(cells) and cells.max() > 3 * cells.min())


def every_row(rows: pd.DataFrame, hidden: pd.DataFrame | None) -> pd.DataFrame:
    """Replicate rows of the groups that are shown and of those that a filter hides."""
    if hidden is None or hidden.empty:
        return rows
    return pd.concat([rows, hidden[list(rows.columns)]], ignore_index=True)


def planned_pairs(groups: Mapping[str, NDArray[np.float64]], control: str | None) -> list[tuple[str, str]]:
    """Pairs of groups with a ratio that are compared: all of them, or with the control where it is among them."""
    names = sorted(name for name, values in groups.items() if len(values))
    if control in names:
        return [(name, str(control)) for name in names if name != control]
    return list(combinations(names, 2))


def _narrowed(rows: pd.DataFrame, settings: TestSettings) -> pd.DataFrame:
    keep = np.ones(len(rows), bool)
    if settings.classes:
        keep &= rows["class"].astype(str).isin(settings.classes).to_numpy()
    if settings.times_h:
        keep &= rows["time_h"].isin(settings.times_h).to_numpy()
    return rows[keep]


def _family(rows: pd.DataFrame, settings: TestSettings, hidden: pd.DataFrame | None) -> pd.DataFrame:
    """The rows that p values are adjusted over: what is shown, and the groups that a filter hides."""
    return _narrowed(every_row(rows, hidden), settings)


def _of_shown(table: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Lines of groups that are shown."""
    shown = set(rows["group"])
    keep = (table["group"].isin(shown) & table["control"].isin(shown)).to_numpy(bool)
    return table if keep.all() else table[keep].reset_index(drop=True)


def _control(app: App, run: Run | str, rows: pd.DataFrame, settings: TestSettings) -> str | None:
    groups = set(rows["group"].astype(str))
    if settings.pairs:
        return None
    if settings.control is not None:
        if groups and settings.control not in groups:
            raise WrongUse(
                f"The control group {settings.control!r} has no cells here.", f"There are: {', '.join(sorted(groups))}."
            )
        return settings.control if groups else None
    found = default_control(app, run)
    return found if found in groups else None


def _power(
    rows: pd.DataFrame, control: str | None, settings: TestSettings, comparisons: int, errors: GroupErrors
) -> pd.DataFrame:
    from nscweb.evaluation.groups.power import detectable_difference, needed_replicates
    from nscweb.evaluation.groups.replicate_rows import checked_rows, panels

    lines = []
    level, lent = ALPHA / max(1, comparisons), errors.lent
    for hours, name, groups in panels(checked_rows(rows)):
        # Where one group is all there is, there is no difference that more replicates could show.
        if sum(len(values) > 0 for values in groups.values()) < 2:
            continue
        spread = errors.planned(hours, name, groups)
        common = errors.planned_common(hours, name, planned_pairs(groups, control))
        sizes = sorted(len(values) for values in groups.values())
        few = sizes[:2] if len(sizes) >= 2 else [0, 0]
        lines.append(
            (
                hours,
                name,
                spread.sd,
                spread.upper,
                spread.degrees,
                float(np.sqrt(common)),
                settings.difference,
                needed_replicates(spread.sd, settings.difference, borrowed=lent, common=common),
                needed_replicates(spread.sd, settings.difference, alpha=level, borrowed=lent, common=common),
                needed_replicates(spread.upper, settings.difference, borrowed=lent, common=common),
                detectable_difference(spread.sd, few[0], few[1], borrowed=lent, common=common),
            )
        )
    table = pd.DataFrame(lines, columns=list(POWER_COLUMNS))
    for column in ("needed", "needed_adjusted", "needed_upper"):
        table[column] = pd.array(table[column].tolist(), dtype="Int64")
    return table
