"""Data of the first pages of the HTML report: the answer with its table, samples in doubt, the ratios as figures."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from nscweb.core.timepoint import TimePoint
from nscweb.evaluation.groups.p_values import ADJUSTMENTS
from nscweb.files.html_document import Table
from nscweb.files.svg import ROWS_OF_A_PAGE, ratio_rows, ratio_svg, stacked_svg
from nscweb.services.compare.comparison import answer_of
from nscweb.services.compare.early_table import EarlyCell, early_table
from nscweb.services.report.content import ReportData
from nscweb.services.report.html_numbers import classes_in_threes, interval, light, p_text, percent, share
from nscweb.services.report.methods_statistics import control_words
from nscweb.services.report.references import plural
from nscweb.services.report.scope import confidence_words, family_left_out
from nscweb.words.marks import MARK_HELP, mark, symbol
from nscweb.words.numbers import when

_MOST_DOUBTFUL = 8
_NO_GROUP = "no group given"


def answer(data: ReportData) -> dict[str, Any]:
    """The sentence, the groups in its order, the samples in doubt, and what must be read before the numbers."""
    lead, *rest = data.found.sentences or ("No cell is left to count.",)
    # The way of counting stands above the ratios.
    said = [text for text in rest if text != data.found.estimates.sentence]
    tables = {"groups": None, "family": "", "early": None} if data.found.groups.empty else _groups(data)
    return {
        "lead": lead,
        "said": [*said, *(text for text in [confidence_words(data.found)] if text)],
        **tables,
        "doubtful": _doubtful(data),
        # What one sample is like stands in the list of those in doubt.
        "warnings": [text for text in data.found.data.warnings if not text.startswith('The sample "')],
    }


def _groups(data: ReportData) -> dict[str, Any]:
    # The table speaks of what the sentence above it speaks of, whatever the page opens with.
    found, fate, hours = data.found, data.fate, data.time_h
    said = answer_of(found, fate, hours)
    against = found.control or said.leader
    rows = {str(row["group"]): row for row in _at(data.tables["Groups"].to_dict("records"), fate, hours)}
    tests = {
        (str(row["group"]), str(row["other"])): row for row in _at(data.tables["Tests"].to_dict("records"), fate, hours)
    }
    moment = when(hours)
    columns = ["Group", f"{fate} % [95 % interval]", "Replicates", "Cells"]
    if tests:
        against_said = f"Points more or less than {against or _NO_GROUP} [95 % interval]"
        columns += [against_said, f"p, {ADJUSTMENTS[found.adjust]}"]
    lines = []
    for name in [name for name in said.order if name in rows]:
        row = rows[name]
        line = [name or _NO_GROUP, share(row), row["replicates"], f"{row['cells']:,}"]
        lines.append([*line, *(_difference(tests, name, against) if tests else []), light(row["light"])])
    caption = f"{fate}{moment and ' '}{moment}: groups in the order of the answer"
    return {
        "groups": Table([*columns, "Trust light"], lines, range(1, len(columns)), caption, cards=True),
        "family": _family(data, tests.values()),
        "early": _early(data, said.order, fate),
    }


def _family(data: ReportData, tests: Iterable[Mapping[Any, Any]]) -> str:
    """What the p values of the table were adjusted for, and which control was chosen by whom."""
    sizes = {int(row["comparisons"]) for row in tests if math.isfinite(row["p"])}
    said = [control_words(data)]
    if sizes:
        moment = when(data.time_h)
        told = ", as in the sentence above" if "adjusted" in "".join(data.found.sentences[:1]) else ""
        adjusted = (
            f"p values are adjusted by {ADJUSTMENTS[data.found.adjust]} for the {max(sizes)} "
            f"{plural(max(sizes), 'comparison')} of {data.fate}{moment and ' '}{moment}{told}."
        )
        said = [adjusted, *said, family_left_out(data.found)]
    return " ".join(part for part in said if part)


def _early(data: ReportData, order: Sequence[str], fate: str) -> Table | None:
    """The fate of the answer in every group at every time point; None where there is one time point."""
    made = early_table(data.found, fate, order)
    if made is None:
        return None
    lines = [[name or _NO_GROUP, *(_early_cell(cell) for cell in cells)] for name, cells in made.lines.items()]
    legend = made.legend and f"; {made.legend}"
    caption = f"How early: {fate} % [95 % interval] at every time point{legend}"
    times = [TimePoint(hours).label() for hours in made.times_h]
    return Table(["Group", *times], lines, range(1, 1 + len(times)), caption, cards=True)


def _early_cell(cell: EarlyCell | None) -> str:
    return f"{symbol(str(cell.row['light']))} {share(cell.row)} {cell.arrow}".strip() if cell else "–"


def _difference(tests: dict[tuple[str, str], dict[str, Any]], name: str, against: str) -> list[str]:
    row, sign = tests.get((name, against)), 1.0
    if row is None:
        row, sign = tests.get((against, name)), -1.0
    if name == against or row is None or not math.isfinite(row["difference"]):
        return ["–", "–"]
    ends = sorted((sign * row["low"], sign * row["high"]))
    return [f"{percent(sign * row['difference'], sign=True)} {interval(*ends)}".strip(), p_text(row["p"])]


def _at(rows: Sequence[dict[Any, Any]], fate: str, hours: float) -> list[dict[Any, Any]]:
    def then(value: float) -> bool:
        return bool(value == hours or (math.isnan(hours) and math.isnan(value)))

    return [row for row in rows if row["class"] == fate and then(float(row["time_h"]))]


def _doubtful(data: ReportData) -> list[str]:
    fit = data.tables["Fit"]
    doubt = [row for colour in ("red", "yellow") for row in fit[fit["light"] == colour].to_dict("records")]
    shown = [f"{mark(str(row['light']))}: {row['sample']}. {row['reasons']}" for row in doubt[:_MOST_DOUBTFUL]]
    if len(doubt) > len(shown):
        shown.append(f"… and {len(doubt) - len(shown)} more, in the section on trust lights.")
    return shown


def ratios(data: ReportData) -> dict[str, Any] | None:
    """Both figures, then the numbers behind them; None where no cell is left."""
    found = data.found
    if found.groups.empty:
        return None
    rows = ratio_rows(found.groups, answer_of(found, data.fate, data.time_h).order)
    pieces = [rows[start : start + ROWS_OF_A_PAGE] for start in range(0, len(rows), ROWS_OF_A_PAGE)]
    kind = "Simulated cells. " if found.data.simulated else ""
    means = [
        {
            "broad": ratio_svg(found.groups, found.replicate_rows, found.classes, piece),
            "narrow": ratio_svg(found.groups, found.replicate_rows, found.classes, piece, narrow=True),
            "caption": f"{kind}Filled: mean over replicates with its 95 % interval; open: replicates. {MARK_HELP}",
        }
        for piece in pieces
    ]
    stacked = [
        {
            "broad": stacked_svg(found.groups, found.classes, piece),
            "narrow": stacked_svg(found.groups, found.classes, piece, narrow=True),
            "caption": f"{kind}Mean shares over replicates; the same numbers as above.",
        }
        for piece in pieces
    ]
    return {
        "figures": [*means, *stacked],
        "tables": _ratio_tables(data, rows),
        "intervals": distinct(found.groups["interval"]),
        "why": distinct(found.groups["why"]),
    }


def _ratio_tables(data: ReportData, rows: Sequence[tuple[str, float]]) -> list[Table]:
    held: dict[tuple[str, float], dict[str, Any]] = {}
    for row in data.tables["Groups"].to_dict("records"):
        hours = -1.0 if math.isnan(row["time_h"]) else float(row["time_h"])
        held.setdefault((str(row["group"]), hours), {})[str(row["class"])] = row
    tables = []
    for names in classes_in_threes(data.found.classes.names):
        columns = ["Group", "Time", "Replicates", "Cells"]
        columns += ["Mean % [95 % interval]", "SD", "Counted %"] * len(names) + ["Trust light"]
        lines = []
        for key in rows:
            first = next(iter(held[key].values()))
            line = [key[0] or _NO_GROUP, first["time"], first["replicates"], f"{first['cells']:,}"]
            for name in names:
                one = held[key].get(name)
                line += [share(one), percent(one["sd"]), percent(one["naive_mean"])] if one else ["–"] * 3
            lines.append([*line, light(first["light"])])
        caption = "Ratios of the groups; the biological replicate is the unit"
        over = [("", 4), *((name, 3) for name in names), ("", 1)]
        tables.append(Table(columns, lines, range(2, 4 + 3 * len(names)), caption, over, dense=True))
    return tables


def distinct(texts: Iterable[object]) -> list[str]:
    """Sentences of a column, each once, without the empty one."""
    return sorted({str(text) for text in texts if text})
