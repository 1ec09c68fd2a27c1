"""Tables of a report that take seconds: group statistics, time course, doses, and the scores of the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import pandas as pd

from nscweb.core.card import CardEntry
from nscweb.core.errors import NscwebError
from nscweb.core.progress import Progress, no_progress
from nscweb.core.rules import DIFFERENCE, MARGIN
from nscweb.evaluation.groups.direction import directed
from nscweb.services.compare import courses, honest_scores, honest_scores_words, mixtures, staining_counts, statistics
from nscweb.services.compare.group_tables import GROUP_TABLES
from nscweb.services.compare.result import Comparison
from nscweb.services.compare.statistics import ROWS, TestSettings, for_file
from nscweb.services.kept import kept as remembered
from nscweb.services.predict.light_tables import fitness_table
from nscweb.services.predict.runs import study_of
from nscweb.services.report.parts import Gathered
from nscweb.words.nothing import NO_CELL, NO_CONTROL, ONE_GROUP, ONE_TIME

if TYPE_CHECKING:
    from nscweb.services.context import App


NOT_JUDGED = "It was not judged whether the model fits; predict again for a trust light per sample."
# Made here as well, and missing where no cell is left.
_FURTHER = ("Counted cells", "Time course", "Earliest day", "First against last", "Agreement", "Doses", "Dose curves")


def add_scores(
    app: App, found: Comparison, entry: CardEntry | None, kept: Gathered, progress: Progress = no_progress
) -> tuple[str, ...]:
    """Put the tables into `kept`; returns what belongs to them, in sentences.

    Args:
        entry: the model of the run; None when it is gone.
    """
    progress(0, 3, "Counting sets of classes")
    said = [*_sets(app, found, kept)]
    progress(1, 3, "Checking how honest the scores are")
    said += _reliability(app, found, kept)
    progress(2, 3, "Mixing held-out cells")
    said += _mixtures(entry, kept)
    _fit(found, kept)
    return tuple(said)


def _sets(app: App, found: Comparison, kept: Gathered) -> tuple[str, ...]:
    from nscweb.figures.reliability_and_sets import sets_data

    try:
        made = honest_scores.sets_of(app, found.run, found.filters)
    except NscwebError as error:
        kept.missing["Sets by group"] = kept.missing["Sets by sample"] = str(error)
        return ()
    nothing = "No cell is left to count."
    kept.put("Sets by group", sets_data(made.groups, made.sets).assign(error_rate=made.alpha), nothing)
    kept.put("Sets by sample", made.shares.assign(error_rate=made.alpha), nothing)
    promised = f"Sets of classes are made for an error rate of {100 * made.alpha:g} % of the cells of each class."
    return (promised, *made.sentences)


def _reliability(app: App, found: Comparison, kept: Gathered) -> tuple[str, ...]:
    try:
        made = honest_scores.reliability_of_run(app, found.run)
    except NscwebError as error:
        kept.missing["Reliability"] = str(error)
        return ()
    table = honest_scores_words.reliability_rows(made) if made else pd.DataFrame()
    kept.put("Reliability", table, " ".join(honest_scores.NO_HELD_OUT))
    return (honest_scores_words.verdict(made[0], made),) if made else ()


def _mixtures(entry: CardEntry | None, kept: Gathered) -> tuple[str, ...]:
    from nscweb.figures.reliability_and_sets import mixtures_data

    if entry is None:
        kept.missing["Known mixtures"] = "The model of this run is not installed any more."
        return ()
    try:
        made = _mixed(entry)
    except NscwebError as error:
        kept.missing["Known mixtures"] = str(error)
        return ()
    kept.put("Known mixtures", mixtures_data(made.table), made.sentence)
    return (made.sentence,)


@remembered(4, lambda entry: (entry.folder, entry.card.weights.sha256, (entry.card.held_out or {}).get("sha256")))
def _mixed(entry: CardEntry) -> mixtures.MixtureTest:
    """What the page Models does when nobody moved its sliders; the same for every report of a model."""
    return mixtures.run_mixtures(entry)


def _fit(found: Comparison, kept: Gathered) -> None:
    from nscweb.figures.sample_distances import fitness_data

    names = list(dict.fromkeys(found.estimates.table["sample_id"].astype(str)))
    kept.put("Fit numbers", fitness_data(fitness_table(found.run, names)), NOT_JUDGED)


def settings_of(found: Comparison, margin: float = MARGIN, difference: float = DIFFERENCE) -> TestSettings:
    """What the page Compare tests when nobody narrowed it to some fates and times.

    Args:
        margin: 0..1, "no worse than the control by more than this".
        difference: 0..1, that an experiment should be able to show.
    """
    return TestSettings(found.control or None, found.adjust, not found.control, margin, difference)


def add_statistics(
    app: App,
    found: Comparison,
    kept: Gathered,
    settings: TestSettings,
    progress: Progress = no_progress,
    order: Sequence[str] = (),
) -> tuple[tuple[str, ...], pd.DataFrame]:
    """Put the tables into `kept`; returns how it was tested, in sentences, and all tests.

    Args:
        order: groups in the order of the answer; pairs are told against the first of the two, as on the pages.
    """
    rows = found.replicate_rows[ROWS]
    if rows.empty:
        for name in (*(table.name for table in GROUP_TABLES), *_FURTHER):
            kept.missing[name] = NO_CELL
        return (), pd.DataFrame()
    progress(0, 5, "Comparing groups")
    made = statistics.statistics_of(app, found.run, rows, settings, found.errors, found.hidden_rows)
    family = statistics.family_words(rows, made)
    if made.control is None:
        made = replace(made, tests=directed(made.tests, order))
    progress(1, 5, "Fitting cells within replicates")
    for table in GROUP_TABLES:
        lines = for_file(table.made(rows, made), family if table.together else "")
        kept.put(table.name, lines, table.why_nothing(made))
    _counts(app, found, rows, kept)
    progress(2, 5, "Following groups over time")
    _courses(found, rows, kept)
    progress(3, 5, "Looking for the earliest day")
    _earliest(found, kept)
    progress(4, 5, "Fitting doses")
    _doses(app, found, kept)
    return made.sentences, made.tests


def _counts(app: App, found: Comparison, rows: pd.DataFrame, kept: Gathered) -> None:
    study = study_of(app, found.run)
    try:
        entered = staining_counts.counts_of(app, study.study_id) if study else ()
        table = (
            staining_counts.compare_with_counts(
                rows, entered, found.adjust, found.errors, simulated=found.data.simulated
            )
            if entered
            else pd.DataFrame()
        )
    except NscwebError as error:
        kept.missing["Counted cells"] = str(error)
        return
    kept.put("Counted cells", for_file(table), "No counts of cells are entered for this study (page Compare).")


def _courses(found: Comparison, rows: pd.DataFrame, kept: Gathered) -> None:
    made = courses.courses_of(rows, found.groups, found.errors)
    kept.put("Time course", _by_fate(made.course, found), "No sample has a time.")
    kept.put("First against last", _by_fate(made.pairs, found), ONE_TIME)
    named = [name for name in found.classes.names if name in made.agreements]
    agreed = [{"class": name, **asdict(made.agreements[name])} for name in named]
    kept.put("Agreement", pd.DataFrame(agreed), ONE_TIME)


def _by_fate(table: pd.DataFrame, found: Comparison) -> pd.DataFrame:
    """The rows in the order of the fates of the model."""
    return table.sort_values("class", key=lambda names: names.map(found.classes.names.index), kind="stable")


def _earliest(found: Comparison, kept: Gathered) -> None:
    table = courses.earliest_of(found.groups, found.tests, found.control, found.classes.names)
    kept.put("Earliest day", table, ONE_GROUP if found.control else NO_CONTROL)


def _doses(app: App, found: Comparison, kept: Gathered) -> None:
    samples = found.estimates.table[courses.DOSE_SAMPLES]
    lights = [found.lights.get(str(name), "") for name in samples["sample_id"]]
    made = courses.dose_response_of(app, found.run, samples.assign(light=lights))
    why = made.sentence or "No sample with a dose is counted."
    kept.put("Doses", made.points.assign(unit=made.unit) if len(made.points) else made.points, why)
    kept.put("Dose curves", for_file(made.curves), why)
