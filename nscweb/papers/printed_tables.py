"""Tables of a reproduced paper: our figures beside those that it prints, and the one page that holds everything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from plotly import graph_objects as go

from nscweb.core.columns import heading
from nscweb.files.figure_files import figure_markup, plotly_program
from nscweb.files.html_document import render
from nscweb.files.outgoing import MadeBy, outgoing

SIMULATED = "SIMULATED"
PLAIN_NAMES: dict[str, str] = {
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "macro_precision": "precision",
    "macro_auc": "AUC",
    "weighted_precision": "precision",
    "weighted_recall": "recall",
    "weighted_f1": "F1",
    "f1_first": "F1",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "minutes": "training, min",
}
_KEYS = ("model", "title", "task", "variant", "split")


@dataclass(frozen=True)
class Piece:
    """One table or figure, or a table and its figure.

    Attributes:
        name: of its files, without ending. title, caption: plain text. table: for the CSV, all digits. shown: the
        same for reading, text; None shows `table`. figure: may be None. kind: key of `core.column_names.INSIDE`.
    """

    name: str
    title: str
    caption: str
    table: pd.DataFrame
    shown: pd.DataFrame | None = None
    figure: go.Figure | None = None
    kind: str = "Paper"

    def leaving(self, made: MadeBy | None = None) -> pd.DataFrame:
        """The table as its file has it, see `files.outgoing`."""
        return outgoing(self.table.rename(columns=_compared_names(self.table)), self.kind, made)


def _compared_names(table: pd.DataFrame) -> dict[str, str]:
    """What the columns of `compared` are called in a file: ``accuracy low`` -> ``accuracy_ours_low``."""
    names: dict[str, str] = {}
    for column in (str(name) for name in table.columns):
        figure = column.removesuffix(" paper")
        if figure != column and figure in table:
            names |= {figure: f"{figure}_ours", column: f"{figure}_paper", f"{column} sd": f"{figure}_paper_sd"}
            names |= {f"{figure} {end}": f"{figure}_ours_{end}" for end in ("low", "high", "sd")}
    return names


def paper_number(
    numbers: Mapping[str, Mapping[str, float]], model: str, figure: str, where: Sequence[str] = ()
) -> float:
    """What a paper prints, NaN when it prints nothing: ``figure@variant`` goes before ``figure``."""
    printed = numbers.get(model, {})
    for key in (*(f"{figure}@{name}" for name in where if name), figure):
        if key in printed:
            return float(printed[key])
    return float("nan")


def compared(
    metrics: pd.DataFrame,
    figures: Sequence[str],
    numbers: Mapping[str, Mapping[str, float]],
    paper_split: str,
    by_seed: bool = False,
) -> pd.DataFrame:
    """One row per model, variant, task and split: our figures and the paper's.

    Args:
        metrics: columns model, title, task, variant, split, seed, fold, figure, value, low, high; one row per training
            and figure.
        figures: to show.
        numbers: model -> figure -> what the paper prints.
        paper_split: name of the split that the paper used; only its rows stand beside the paper's numbers.
        by_seed: a row for each seed.

    Returns:
        Columns model, title, task, variant, split, trainings, and for each figure ``<f>``, ``<f> low``, ``<f> high``
        (95 %, one training), ``<f> sd`` (several), ``<f> paper``, ``<f> paper sd``.
    """
    keys = [*_KEYS, "seed"] if by_seed else list(_KEYS)
    rows = []
    for values, part in metrics.groupby(keys, sort=False):
        row: dict[str, Any] = dict(zip(keys, values, strict=True))
        row["trainings"] = part[["seed", "fold"]].drop_duplicates().shape[0]
        for figure in figures:
            found = part[part["figure"] == figure]
            single = len(found) == 1
            row[figure] = found["value"].mean() if len(found) else np.nan
            row[f"{figure} low"] = found["low"].iloc[0] if single else np.nan
            row[f"{figure} high"] = found["high"].iloc[0] if single else np.nan
            row[f"{figure} sd"] = found["value"].std(ddof=1) if len(found) > 1 else np.nan
            printed = row["split"] == paper_split
            where = (row["variant"], row["task"])
            for ending, name in ((" paper", figure), (" paper sd", f"{figure}_sd")):
                number = paper_number(numbers, row["model"], name, where) if printed else np.nan
                row[f"{figure}{ending}"] = number
        rows.append(row)
    return pd.DataFrame(rows)


def shown(table: pd.DataFrame, figures: Sequence[str], split_titles: Mapping[str, str]) -> pd.DataFrame:
    """`compared` for reading: "0.912 (0.88 to 0.94)" or "0.912 ± 0.011", and the paper's number in its own column."""
    result = pd.DataFrame({"model": table["title"]})
    for name in ("task", "variant"):
        if table[name].astype(bool).any():
            result[name] = table[name].replace("", "all classes" if name == "task" else "as printed")
    result["split"] = table["split"].map(lambda name: split_titles.get(name, name))
    if "seed" in table:
        result["seed"] = table["seed"]
    if (table["trainings"] > 1).any():
        result["trainings"] = table["trainings"]
    for figure in figures:
        name = PLAIN_NAMES.get(figure, figure.replace("_", " ").replace("f1 ", "F1 "))
        result[f"{name}, ours"] = [_with_spread(row, figure) for _, row in table.iterrows()]
        if table[f"{figure} paper"].notna().any():
            pairs = zip(table[f"{figure} paper"], table[f"{figure} paper sd"], strict=True)
            result[f"{name}, paper"] = [_printed(value, spread) for value, spread in pairs]
    return result


def number(value: Any, digits: int = 3) -> str:
    """A number for a table, "" where there is none."""
    if isinstance(value, str):
        return value
    if value is None or not np.isfinite(value):
        return ""
    if isinstance(value, int | np.integer):
        return f"{value:,}"
    return f"{value:,.{digits}f}" if abs(value) < 1000 else f"{value:,.0f}"


def _with_spread(row: pd.Series, figure: str) -> str:
    value = row[figure]
    if np.isfinite(row[f"{figure} low"]):
        return f"{number(value)} ({number(row[f'{figure} low'], 2)} to {number(row[f'{figure} high'], 2)})"
    return _plus_minus(value, row[f"{figure} sd"])


def _printed(value: float, spread: float) -> str:
    """All digits that a paper prints, three at least."""
    if not np.isfinite(value):
        return ""
    text = f"{value:.4f}".removesuffix("0")
    return f"{text} ± {spread:.4f}".removesuffix("0") if np.isfinite(spread) else text


def _plus_minus(value: float, spread: float) -> str:
    if not np.isfinite(value):
        return ""
    digits = 4 if 0 < spread < 0.002 else 3
    return f"{value:.{digits}f} ± {spread:.{digits}f}" if np.isfinite(spread) else f"{value:.{digits}f}"


def report_page(title: str, lines: Sequence[str], pieces: Sequence[Piece], warning: str = "") -> str:
    """One HTML page with all tables and figures; nothing is loaded from elsewhere.

    Args:
        title: plain text. lines: paragraphs under it, plain text. warning: shown in colour at the top, such as that
        the cells are simulated.
    """
    drawn = [_drawn(piece, place) for place, piece in enumerate(pieces)]
    program = plotly_program()
    return render("reproduced.html", title=title, lines=lines, warning=warning, plotly=program, pieces=drawn)


def _drawn(piece: Piece, place: int) -> dict[str, Any]:
    """A piece as the template takes it: its figure as markup, its table as text; a figure may stand for the table."""
    table = piece.table if piece.shown is None and piece.figure is None else piece.shown
    table = None if table is None else outgoing(table, piece.kind).rename(columns=heading)
    rows = None if table is None else [[number(value) for value in row] for row in table.itertuples(index=False)]
    columns = [] if table is None else [str(name) for name in table.columns]
    drawn = {"title": piece.title, "caption": piece.caption, "columns": columns, "rows": rows, "figure": ""}
    if piece.figure is not None:
        drawn["figure"] = figure_markup(piece.figure, place, piece.name)
    return drawn
