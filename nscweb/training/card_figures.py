"""The figures of a card from what its network says of held-out cells: those that Evaluate shows for the same cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nscweb.core.card import Performance
from nscweb.evaluation.scores.confusion import held_out_confusion, held_out_metrics
from nscweb.evaluation.scores.curves import pr_curve, roc_curve
from nscweb.evaluation.scores.held_out import HeldOut

# A card keeps its curves at these places, enough for a page.
_PLACES = np.linspace(0, 1, 101)


def with_figures(performance: Performance, held_out: HeldOut) -> Performance:
    """The same record with figures of merit, confusion matrices and curves of these cells.

    What else lies among its curves (history, folds) stays.
    """
    by_time = {
        f"{hours:g}": _rows(held_out_confusion(held_out.take(held_out.times == hours)))
        for hours in np.unique(held_out.times[np.isfinite(held_out.times)])
    }
    kept = {key: value for key, value in performance.curves.items() if key not in ("roc", "pr")}
    return replace(
        performance,
        metrics=held_out_metrics(held_out),
        confusion=_rows(held_out_confusion(held_out)),
        confusion_by_time=by_time,
        curves={**kept, **_curves(held_out)},
    )


def _curves(held_out: HeldOut) -> dict[str, Any]:
    """``roc`` and ``pr``: class name -> lists at 101 places; classes without a cell inside or outside have none."""
    found: dict[str, Any] = {}
    for index, name in enumerate(held_out.classes):
        inside = held_out.labels == index
        if inside.all() or not inside.any():
            continue
        scores = held_out.scores[:, index]
        roc, (pr, _) = roc_curve(inside, scores), pr_curve(inside, scores)
        points = {"false_positive_rate": _short(_PLACES), "true_positive_rate": _short(roc.at(_PLACES))}
        found.setdefault("roc", {})[name] = points
        found.setdefault("pr", {})[name] = {"recall": _short(_PLACES[1:]), "precision": _short(pr.at(_PLACES[1:]))}
    return found


def _short(values: Sequence[float] | NDArray[np.float64]) -> list[float]:
    return [round(float(value), 4) for value in values]


def _rows(matrix: NDArray[np.int64]) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(int(count) for count in row) for row in matrix)
