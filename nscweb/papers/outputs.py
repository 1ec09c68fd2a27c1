"""Tables and figures that a protocol asks for, by kind; each becomes a `Piece` beside the paper's own numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pandas as pd

from nscweb.core.errors import InputRefused
from nscweb.papers import special
from nscweb.papers.merit import Finished, metrics_by_time, pooled, scheme
from nscweb.papers.printed_tables import PLAIN_NAMES, Piece, compared, number, paper_number, shown
from nscweb.papers.protocol import Output

_FROM_RUN = "Ours: one training with its 95 % interval over samples, or mean ± standard deviation over folds and seeds."


def make(done: Finished, output: Output) -> Piece:
    """The piece of one output.

    Raises:
        InputRefused: this run has nothing for it, told in a sentence.
    """
    return replace(KINDS[output.kind](done, output), kind=_TABLES.get(output.kind, "Paper"))


def figures_table(done: Finished, output: Output) -> Piece:
    """Options: figures, models (lists), by_seed, against (model that others are compared with over folds)."""
    metrics = _some(done.metrics_of(output))
    if "models" in output.options:
        metrics = _some(metrics[metrics["model"].isin(output.options["models"])])
    figures = [str(name) for name in output.options["figures"]]
    by_seed = bool(output.options.get("by_seed", False))
    table = compared(metrics, figures, done.numbers, done.paper_split, by_seed)
    if "minutes" in figures:
        table["minutes sd"] = float("nan")
    notes = [_FROM_RUN]
    if "against" in output.options:
        notes.append(special.paired(metrics, str(output.options["against"]), done.title_of))
    return Piece(output.name, output.title, _caption(output, *notes), table, shown(table, figures, done.split_titles()))


def figure_by_model(done: Finished, output: Output) -> Piece:
    """Options: figure."""
    from nscweb.papers.paper_figures import figure_by_model as draw

    figure = str(output.options.get("figure", "accuracy"))
    table = compared(_some(done.metrics_of(output)), [figure], done.numbers, done.paper_split)
    axis = PLAIN_NAMES.get(figure, figure.replace("_", " "))
    drawn = draw(table, figure, axis, done.split_titles(), simulated=done.simulated)
    note = _FROM_RUN + ("" if table[f"{figure} paper"].isna().all() else " Open diamond: as the paper prints it.")
    return Piece(output.name, output.title, _caption(output, note), table, None, drawn)


def loss_curves(done: Finished, output: Output) -> Piece:
    """One curve per model of the paper's split; options: models (list)."""
    from nscweb.papers.paper_figures import loss_curves as draw

    wanted = output.options.get("models")
    results = [
        result
        for result in done.of(output)
        if result.unit.split == done.paper_split
        and (wanted is None or result.unit.model in wanted)
        and result.unit.fold <= 1
    ]
    if not results:
        raise InputRefused("No training of it was finished.")
    histories = [(_label(done, result), result.history) for result in results]
    table = pd.concat([history.assign(model=name) for name, history in histories], ignore_index=True)
    return Piece(output.name, output.title, _caption(output), table, None, draw(histories, simulated=done.simulated))


def confusion(done: Finished, output: Output) -> Piece:
    """Options: model, split, task."""
    from nscweb.evaluation.scores.confusion import confusion as count
    from nscweb.figures.confusion_and_curves import confusion_data, confusion_figure

    results = _any(done.chosen(output))
    classes = scheme(results, done.protocol.kind)
    table = pooled(results)
    matrix = count(table["true_class"], table["predicted"], classes.names)
    drawn = confusion_figure(matrix, classes, simulated=done.simulated)
    caption = _caption(output, f"{done.title_of(results[0].unit.model)}, {len(table):,} held-out cells.")
    return Piece(output.name, output.title, caption, confusion_data(matrix, classes), None, drawn)


def curves(done: Finished, output: Output) -> Piece:
    """ROC or precision-recall curves; options: which (roc or pr), model, split, task."""
    from nscweb.figures.confusion_and_curves import curves_data, pr_figure, roc_figure
    from nscweb.services.evaluate.counts_and_curves import curves as both

    results = _any(done.chosen(output))
    classes = scheme(results, done.protocol.kind)
    receiver, precision, average = both(pooled(results), classes)
    model = results[0].unit.model
    said = f"{done.title_of(model)}, each class against the rest."
    if output.options.get("which", "roc") == "pr":
        drawn = pr_figure(precision, average, classes, simulated=done.simulated)
        return Piece(output.name, output.title, _caption(output, said), curves_data(precision), None, drawn)
    found = done.metrics[(done.metrics["block"] == results[0].unit.block) & (done.metrics["model"] == model)]
    found = found[(found["split"] == results[0].unit.split) & (found["task"] == results[0].unit.task)]
    areas = {
        name: float(part["value"].mean())
        for name in classes.names
        if len(part := found[found["figure"] == f"auc_{name}"])
    }
    printed = {name: paper_number(done.numbers, model, f"auc_{name}", (results[0].unit.task,)) for name in areas}
    told = [f"{name} {number(value, 2)}" for name, value in printed.items() if value == value]
    if told:
        said += f" AUC in the paper: {', '.join(told)}."
    drawn = roc_figure(receiver, areas, classes, simulated=done.simulated)
    return Piece(output.name, output.title, _caption(output, said), curves_data(receiver), None, drawn)


def by_time(done: Finished, output: Output) -> Piece:
    """Options: model, split."""
    from nscweb.figures.accuracy import accuracy_by_time, accuracy_by_time_data

    results = _any(done.chosen(output))
    metrics = metrics_by_time(results, done.seed, done.rounds)
    if not metrics:
        raise InputRefused("These cells have no time points.")
    classes = scheme(results, done.protocol.kind)
    drawn = accuracy_by_time(metrics, classes, simulated=done.simulated)
    return Piece(output.name, output.title, _caption(output), accuracy_by_time_data(metrics, classes), None, drawn)


def fold_curves(done: Finished, output: Output) -> Piece:
    """Options: model, split."""
    from nscweb.papers.paper_figures import fold_curves as draw

    results = [result for result in _any(done.chosen(output)) if result.unit.fold]
    folds = {result.unit.fold: result.history for result in _any(results)}
    table = pd.concat([history.assign(fold=fold) for fold, history in folds.items()], ignore_index=True)
    return Piece(output.name, output.title, _caption(output), table, None, draw(folds, simulated=done.simulated))


def fold_boxes(done: Finished, output: Output) -> Piece:
    """Options: figures."""
    from nscweb.papers.paper_figures import fold_boxes as draw

    metrics = _some(done.metrics_of(output))
    figures = [str(name) for name in output.options["figures"]]
    table = metrics[metrics["figure"].isin(figures) & (metrics["split"] == done.paper_split)]
    drawn = draw(table, figures, simulated=done.simulated)
    columns = ["title", "figure", "fold", "seed", "value"]
    return Piece(output.name, output.title, _caption(output), table[columns], None, drawn)


def _label(done: Finished, result: Any) -> str:
    parts = [done.title_of(result.unit.model), result.unit.task, result.unit.variant]
    return ", ".join(part for part in parts if part)


def _caption(output: Output, *more: str) -> str:
    return " ".join(part for part in (output.note, *more) if part)


def _some(metrics: pd.DataFrame) -> pd.DataFrame:
    if metrics.empty:
        raise InputRefused("No training of it was finished.")
    return metrics


def _any(results: list[Any]) -> list[Any]:
    if not results:
        raise InputRefused("No training of it was finished.")
    return results


# Kind of an output -> table whose columns it has, where they are not those of every paper.
_TABLES = {
    "confusion": "Fig confusion",
    "curves": "ROC",
    "by_time": "Fig accuracy over time",
    "cost": "Paper cost",
    "timing": "Paper timing",
    "inducers": "Paper inducers",
    "donors": "Paper donors",
    "shape_modes": "Paper shape modes",
}
KINDS: dict[str, Callable[[Finished, Output], Piece]] = {
    "figures_table": figures_table,
    "figure_by_model": figure_by_model,
    "loss_curves": loss_curves,
    "confusion": confusion,
    "curves": curves,
    "by_time": by_time,
    "fold_curves": fold_curves,
    "fold_boxes": fold_boxes,
    "cost": special.cost,
    "timing": special.timing,
    "inducers": special.inducers,
    "donors": special.donors,
    "shape_modes": special.shapes,
    "search": special.search,
}
