"""The same training again on other splits: cross-validation, and what a split by cell would have pretended."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nscweb.core.card import CardEntry
from nscweb.core.progress import CancelAsked, Progress
from nscweb.services.finished_model import write_card

if TYPE_CHECKING:
    from pathlib import Path

    from nscweb.services.training_data import Collected
    from nscweb.training.config import TrainConfig
    from nscweb.training.splits.plan import SplitPlan


def train_again(
    entry: CardEntry,
    collected: Collected,
    config: TrainConfig,
    plan: SplitPlan,
    folder: Path,
    *,
    folds: int | None,
    compare_splits: bool,
    progress: Progress,
    cancel: CancelAsked,
) -> CardEntry:
    """Train on further splits and write the figures into the card of a finished model.

    Args:
        entry: the finished model; its weights stay as they are.
        config, plan: settings and split that it was trained with.
        folder: keeps finished folds until all are done, so that a stopped run goes on.
        folds: folds of a grouped cross-validation, 0 for one group at a time, None for none. Its summary and the
            figure of each fold go to ``performance.curves["cross_validation"]``.
        compare_splits: train once by cell and once by `plan.by` on equally many cells; the gap goes to
            ``audit["gap"]``.

    Raises:
        WrongUse, InputRefused: the split asked for does not fit the data.
        JobCancelled: somebody asked to stop.
    """
    from nscweb.training.cross_validation import cross_validate
    from nscweb.training.split_gap import split_gap
    from nscweb.training.splits.folds import folds as splits_of

    card = entry.card
    if folds is not None:
        splits = splits_of(collected.data, plan.by, folds, config.seed)
        found = cross_validate(config, collected.data, splits, folder / "folds", progress, cancel)
        rows = [{key: row[key] for key in ("fold", "cells", "accuracy", "macro_f1", "f1")} for row in found.rows]
        figures: dict[str, Any] = {
            "by": plan.by,
            "rows": rows,
            "summary": found.summary,
            "confusion": [list(row) for row in found.confusion],
        }
        curves = {**card.performance.curves, "cross_validation": figures}
        card = replace(card, performance=replace(card.performance, curves=curves))
    if compare_splits:
        gap = split_gap(config, collected.data, plan, config.seed, folder / "gap", progress, cancel)
        card = replace(card, audit={**card.audit, "gap": gap.as_dict()})
    done = write_card(entry, card)
    shutil.rmtree(folder, ignore_errors=True)
    return done
