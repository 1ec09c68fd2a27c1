"""What sorting by the score of one class would give, measured on the evaluated cells of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from nscweb.evaluation.scores.thresholds import SortingCurve, sorting_curve, sorting_sentence
from nscweb.services.evaluate.by_parts import judged_cells, part_names, result_key
from nscweb.services.evaluate.evaluate import Evaluation
from nscweb.services.kept import kept

if TYPE_CHECKING:
    from nscweb.services.context import App

__all__ = ["SortingCurve", "sortable", "sorting_of", "sorting_sentence", "sorting_table"]


def sortable(app: App, result: Evaluation, by: str = "", part: str = "") -> tuple[str, ...]:
    """Classes that a threshold can be judged for: cells of the class and of another are there."""
    table = result.table
    if by:
        table = table[part_names(app, result, by) == part]
    held = set(table["true_class"].unique())
    return tuple(name for name in result.classes.names if name in held) if len(held) > 1 else ()


@kept(24, result_key)
def sorting_of(
    app: App,
    result: Evaluation,
    class_name: str,
    *,
    prevalence: float | None = None,
    by: str = "",
    part: str = "",
    seed: int = 0,
) -> SortingCurve:
    """See `evaluation.scores.thresholds.sorting_curve`; of all evaluated cells, or of one part of them."""
    names = part_names(app, result, by) if by else None
    return sorting_curve(judged_cells(result, names, part), class_name, seed=seed, prevalence=prevalence)


def sorting_table(curve: SortingCurve) -> pd.DataFrame:
    """The curve for a file, with what it rests on in every line."""
    return curve.table.assign(
        **{"class": curve.class_name},
        prevalence=curve.prevalence,
        prevalence_is="expected by the user" if curve.assumed else "of the cells judged",
        cells=curve.cells,
        samples=curve.samples,
        interval=curve.label,
    )
