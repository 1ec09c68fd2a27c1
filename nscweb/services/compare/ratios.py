"""Corrected ratios of a run: which cells of known class measure the model, and which cells are counted."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from nscweb.core.errors import ModelError
from nscweb.core.rules import DEFAULT_METHOD
from nscweb.core.run_record import Run
from nscweb.services.compare.honest_scores import known_cells, mark_of
from nscweb.services.kept import kept
from nscweb.services.predict.run_cells import cells_key
from nscweb.services.predict.run_sums import counted_sums
from nscweb.services.predict.runs import get_run

if TYPE_CHECKING:
    from nscweb.core.card import CardEntry
    from nscweb.evaluation.ratios.cell_filters import Filters
    from nscweb.evaluation.ratios.estimates import Estimates
    from nscweb.evaluation.scores.held_out import HeldOut
    from nscweb.services.context import App


def held_out_of(app: App, run: Run | str) -> HeldOut | None:
    """Cells of known class that say what the model of a run mixes up.

    Control samples that the user chose come first, then the held-out scores that came with the model, then its
    confusion matrix, whose cells have scores of 0 and 1 and no samples. None when there is nothing, or when the file
    of the model is damaged: the ratio is then counted and says so, rather than not shown at all.
    """
    from nscweb.services.predict.runs import model_of_run

    found = get_run(app, run)
    try:
        known = known_cells(app, found)
        return known if known is not None else held_out_from_confusion(model_of_run(app, found), found.class_names)
    except ModelError:
        return None


def held_out_from_confusion(entry: CardEntry, classes: tuple[str, ...]) -> HeldOut | None:
    """The confusion matrices of a card written out as cells; None when it has none or other classes."""
    from nscweb.evaluation.scores.held_out import HeldOut

    card = entry.card
    tables = {float(hours): table for hours, table in card.performance.confusion_by_time.items()}
    if not tables and card.performance.confusion:
        tables = {float("nan"): card.performance.confusion}
    if not tables or card.classes.names != tuple(classes):
        return None
    size = len(classes)
    labels, predicted, times, samples = [], [], [], []
    for number, (hours, table) in enumerate(tables.items()):
        counts = np.asarray(table, np.int64).ravel()
        cell = np.repeat(np.arange(size * size), counts)
        labels.append(cell // size)
        predicted.append(cell % size)
        times.append(np.full(len(cell), hours))
        samples.append(number * size + cell // size)
    true = np.concatenate(labels)
    scores = np.asarray(np.concatenate(predicted)[:, None] == np.arange(size), np.float32)
    source = f"{len(true):,} {'simulated ' if card.origin.simulated else ''}cells that {card.name} has never seen"
    where = np.concatenate(samples).astype(np.int64)
    return HeldOut(scores, true, where, np.concatenate(times), tuple(classes), source, card.origin.simulated)


def estimates_of(app: App, run: Run | str, filters: Filters | None = None, method: str = DEFAULT_METHOD) -> Estimates:
    """Ratios of the samples of a run under `filters`, kept in memory.

    Corrected ratios do not use the filter by confidence. They answer for all cells of a culture, and unsure cells are
    not the same share of every fate: leaving them out would bias the ratio, while keeping them costs nothing, because
    the held-out cells say what unsure cells are. Counted labels do use it.

    Raises:
        StoreError: there is no such run or its table is damaged.
        WrongUse: `method` is not one of `nscweb.evaluation.ratios.estimates.METHODS`.
    """
    from nscweb.evaluation.ratios.cell_filters import Filters

    found = get_run(app, run)
    chosen = filters or Filters()
    known = held_out_of(app, found)
    used = chosen if method == "naive" or known is None else replace(chosen, min_confidence=0.0)
    made = _estimated(app, found, used, method, known)
    if chosen.min_confidence > 0 and made.method != "naive":
        ignored = (
            f"The filter by confidence ({100 * chosen.min_confidence:.0f} %) is not used for corrected ratios: unsure "
            "cells are more frequent in some classes, so leaving them out would shift the ratio."
        )
        return replace(made, sentence=f"{made.sentence} {ignored}")
    return made


def _key(app: App, run: Run, used: Filters, method: str, known: HeldOut | None) -> Hashable:
    return (cells_key(app, run), used, method, None if known is None else mark_of(known))


@kept(16, _key)
def _estimated(app: App, run: Run, used: Filters, method: str, known: HeldOut | None) -> Estimates:
    from nscweb.evaluation.ratios.corrected import estimate

    sums, _ = counted_sums(app, run, used, method == "em")
    return estimate(sums, known, method)


def known_version(app: App, run: Run | str) -> str:
    """Changes with the cells of known class, which change every corrected ratio; "" where there are none."""
    known = held_out_of(app, run)
    return "" if known is None else mark_of(known)
