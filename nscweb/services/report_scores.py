"""Tables of a report on the scores of the model: sets of classes, reliability, known mixtures, and how well it fits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from nscweb.core.card import CardEntry
from nscweb.core.errors import NscwebError
from nscweb.core.progress import Progress, no_progress
from nscweb.services.compare import honest_scores as calibration
from nscweb.services.compare import honest_scores_words as calibration_words
from nscweb.services.compare import mixtures
from nscweb.services.compare.comparison import Comparison
from nscweb.services.predict.light_tables import fitness_table
from nscweb.services.report_parts import Gathered

if TYPE_CHECKING:
    from nscweb.services.context import App

NOT_JUDGED = "It was not judged whether the model fits; predict again for a trust light per sample."
_kept: dict[str, mixtures.MixtureTest] = {}


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
        made = calibration.sets_of(app, found.run, found.filters)
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
        made = calibration.reliability_of_run(app, found.run)
    except NscwebError as error:
        kept.missing["Reliability"] = str(error)
        return ()
    table = calibration_words.reliability_rows(made) if made else pd.DataFrame()
    kept.put("Reliability", table, " ".join(calibration.NO_HELD_OUT))
    return (calibration_words.verdict(made[0], made),) if made else ()


def _mixtures(entry: CardEntry | None, kept: Gathered) -> tuple[str, ...]:
    from nscweb.figures.reliability_and_sets import mixtures_data

    if entry is None:
        kept.missing["Known mixtures"] = "The model of this run is not installed any more."
        return ()
    # What the page Models does when nobody moved its sliders; the same for every report of a model.
    key = f"{entry.folder}|{entry.card.weights.sha256}|{(entry.card.held_out or {}).get('sha256')}"
    try:
        made = _kept[key] if key in _kept else mixtures.run_mixtures(entry)
    except NscwebError as error:
        kept.missing["Known mixtures"] = str(error)
        return ()
    if len(_kept) > 4:
        _kept.clear()
    _kept[key] = made
    kept.put("Known mixtures", mixtures_data(made.table), made.sentence)
    return (made.sentence,)


def _fit(found: Comparison, kept: Gathered) -> None:
    from nscweb.figures.sample_distances import fitness_data

    names = list(dict.fromkeys(found.estimates.table["sample_id"].astype(str)))
    kept.put("Fit numbers", fitness_data(fitness_table(found.run, names)), NOT_JUDGED)
