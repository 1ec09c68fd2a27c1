"""An evaluation as files: ``metrics.json`` for scripts, figures and their data for people."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from nscweb.core.card import Metric
from nscweb.core.findings import FindingLog
from nscweb.core.plain import to_plain
from nscweb.core.timepoint import TimePoint
from nscweb.files.outgoing import columns_table, outgoing
from nscweb.services.evaluate.by_parts import CurveBands, PartEvaluation, bands_table, parts_table
from nscweb.services.evaluate.counts_and_curves import Matrix
from nscweb.services.evaluate.evaluate import Evaluation
from nscweb.services.report.export import DICTIONARY, made_by

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_BROWSERS = ("chromium", "google-chrome", "chromium-browser", "chrome")
PR_TABLE = "Precision and recall"
_OVERALL = ("accuracy", "macro_f1")
_PER_CLASS = ("precision", "recall", "f1", "auc")


def metrics_dict(result: Evaluation) -> dict[str, Any]:
    """The content of ``metrics.json``; every figure is an object with value, low and high (95 %)."""
    made = result.run.provenance
    return {
        "study": made.study,
        "model": made.model,
        "model_version": made.model_version,
        "weights_sha256": made.weights_sha256,
        "run": result.run.run_id,
        "simulated_cells": made.simulated_cells,
        "simulated_training": made.simulated_training,
        "cells": result.cells,
        "samples": result.samples,
        "mark": result.mark,
        "left_out": dict(result.left_out),
        "gates": result.gates,
        "classes": list(result.classes.names),
        **_figures(result.metrics, result),
        "average_precision": dict(result.average_precision),
        "confusion": {
            "classes": list(result.classes.names),
            "counts": [list(row) for row in result.confusion],
            "row_percent": [[round(share, 3) for share in row] for row in result.row_percent],
            "diagonal": [
                {"class": name, "value": value, "low": low, "high": high}
                for name, (value, low, high) in zip(result.classes.names, result.diagonal, strict=True)
            ],
        },
        "by_time": [
            {
                "time_h": part.time_h,
                "time": "" if part.time_h is None else TimePoint(part.time_h).label(),
                "cells": part.cells,
                "samples": part.samples,
                **_figures(part.metrics, result),
                "confusion": [list(row) for row in part.confusion],
            }
            for part in result.by_time
        ],
        "shortcuts": result.shortcuts,
        "interval": next((item.interval for item in result.metrics if item.interval), ""),
        "warnings": list(result.warnings),
    }


def write_evaluation(
    result: Evaluation,
    out_dir: Path,
    *,
    svg: bool = False,
    log: FindingLog | None = None,
    parts: Mapping[str, tuple[PartEvaluation, ...]] | None = None,
    bands: CurveBands | None = None,
) -> dict[str, Path]:
    """Write ``metrics.json``, ``figures.html``, the data of the figures as CSV, what their columns mean and what made
    them; returns file name -> path.

    Args:
        svg: also one SVG per figure, drawn by Chrome or Chromium; a finding in `log` when there is none.
        parts: what the study was split by -> its parts; ``metrics_by_<what>.csv`` each.
        bands: of the curves; ``curve_bands.csv``, and drawn in the figures.
    """
    from nscweb.files.figure_files import draw, figure_page
    from nscweb.files.plain_tables import csv_bytes
    from nscweb.store.files import write_files

    contents = {"metrics.json": _json(metrics_dict(result)), "provenance.json": _json(provenance(result))}
    tables = evaluation_tables(result, parts, bands)
    contents |= {name: csv_bytes(table) for name, table in tables.items()}
    contents[DICTIONARY] = csv_bytes(columns_table({name: list(table.columns) for name, table in tables.items()}))
    drawn = figures(result, bands)
    made = result.run.provenance
    title = f"Evaluation of {made.model} {made.model_version} on {made.study}"
    if result.mark:
        title += f". {result.mark}"
    contents["figures.html"] = figure_page(drawn, title, (result.gates, *result.warnings)).encode("utf-8", "replace")
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    for name, figure in drawn.items() if svg else ():
        picture = draw(figure, "svg", browser, log=log, where=name)
        if picture is not None:
            contents[f"{name}.svg"] = picture
    return write_files(out_dir, contents)


def figures(result: Evaluation, bands: CurveBands | None = None) -> dict[str, Figure]:
    """Name -> figure; curves with their bands where they are given."""
    from nscweb.evaluation.scores.curve_bands import MACRO
    from nscweb.figures.accuracy import accuracy_by_time, shortcut_bars
    from nscweb.figures.confusion_and_curves import confusion_figure, pr_figure, roc_figure

    simulated = result.run.provenance.simulated_cells
    areas = {name: item for name in result.roc if (item := result.metric("auc", name))}
    if overall := result.metric("auc"):
        areas[MACRO] = overall
    drawn = {
        "confusion": confusion_figure(result.confusion, result.classes, simulated=simulated),
        "roc": roc_figure(
            result.roc, areas, result.classes, simulated=simulated, bands=bands.roc_band if bands else None
        ),
        "precision_recall": pr_figure(
            result.pr,
            bands.average_precision if bands else result.average_precision,
            result.classes,
            simulated=simulated,
            bands=bands.pr_band if bands else None,
        ),
    }
    if result.by_time:
        timed = [item for part in result.by_time for item in _timed(part.metrics, part.time_h)]
        drawn["accuracy_by_time"] = accuracy_by_time(timed, result.classes, simulated=simulated)
    if result.shortcuts:
        drawn["shortcuts"] = shortcut_bars(result.shortcuts, simulated=simulated)
    return drawn


def confusion_table(matrix: Matrix, names: tuple[str, ...]) -> pd.DataFrame:
    """Counts with true classes as rows, a column for each class that cells are called."""
    rows = [[name, *row] for name, row in zip(names, matrix, strict=True)]
    return pd.DataFrame(rows, columns=["true_class", *(f"predicted_as_{name}" for name in names)])


def metrics_table(result: Evaluation) -> pd.DataFrame:
    """Every figure of an evaluation, one per line, with its interval and what it rests on."""
    return metrics_frame([*result.metrics, *(m for part in result.by_time for m in _timed(part.metrics, part.time_h))])


def metrics_frame(metrics: Iterable[Metric]) -> pd.DataFrame:
    """Figures, one per line, with interval and what each rests on; of an evaluation or of a card."""
    columns = ["figure", "class", "time_h", "value", "low", "high", "cells", "samples", "interval"]
    rows = [[m.name, m.class_name, m.time_h, m.value, m.low, m.high, m.cells, m.samples, m.interval] for m in metrics]
    return pd.DataFrame(rows, columns=columns)


def _timed(metrics: tuple[Metric, ...], time_h: float | None) -> list[Metric]:
    return [replace(item, time_h=time_h) for item in metrics]


def evaluation_tables(
    result: Evaluation, parts: Mapping[str, tuple[PartEvaluation, ...]] | None = None, bands: CurveBands | None = None
) -> dict[str, pd.DataFrame]:
    """File -> table as it goes out; arguments as in `write_evaluation`."""
    from nscweb.figures.confusion_and_curves import curves_data

    made = made_by(result.run)
    tables = {
        "metrics.csv": outgoing(metrics_table(result), "Metrics", made),
        "confusion.csv": outgoing(confusion_table(result.confusion, result.classes.names), "Confusion", made),
    }
    for file, name, curves in (("roc.csv", "ROC", result.roc), ("precision_recall.csv", PR_TABLE, result.pr)):
        if curves:
            tables[file] = outgoing(curves_data(curves), name, made)
    for by, found in (parts or {}).items():
        tables[f"metrics_by_{by}.csv"] = outgoing(parts_table(found), "Metrics", made)
    if bands is not None:
        tables["curve_bands.csv"] = outgoing(bands_table(bands), "Curve bands", made)
    return tables


def provenance(result: Evaluation) -> dict[str, Any]:
    """What made the figures and stands in no table: hashes, versions, gates, what was left out."""
    return {
        "format": "nscweb evaluation 1",
        "run": result.run.run_id,
        **to_plain(result.run.provenance),
        "created_utc": result.run.created_utc,
        "classes": list(result.classes.names),
        "gates": result.gates,
        "left_out": dict(result.left_out),
        "mark": result.mark,
        "interval": next((item.interval for item in result.metrics if item.interval), ""),
        "warnings": list(result.warnings),
    }


def _json(data: Mapping[str, Any]) -> bytes:
    return json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False).encode("utf-8")


def _figures(metrics: tuple[Metric, ...], result: Evaluation) -> dict[str, Any]:
    found: dict[str, Any] = {name: _number(metrics, name) for name in _OVERALL}
    by_class = {name: _number(metrics, "auc", name) for name in result.classes.names}
    found["auc"] = {"macro": _number(metrics, "auc"), **by_class}
    found["per_class"] = {
        name: {
            **{figure: _number(metrics, figure, name) for figure in _PER_CLASS},
            "cells": next((item.cells for item in metrics if (item.name, item.class_name) == ("recall", name)), 0),
        }
        for name in result.classes.names
    }
    return found


def _number(metrics: tuple[Metric, ...], name: str, class_name: str = "") -> dict[str, float] | None:
    """None where the figure does not exist, e.g. the precision of a class that was never predicted."""
    for item in metrics:
        if (item.name, item.class_name) == (name, class_name):
            return {"value": item.value, "low": item.low, "high": item.high}
    return None
