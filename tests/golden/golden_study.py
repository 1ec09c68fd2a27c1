"""Two small simulated studies and everything that a user gets of them, made with the commands that a user gives.

The first study has what makes tables speak: four inducer groups at up to three time points; a group that the sample
sheet marks as control; a group with two replicates only at one time point; a sample with too few cells to be judged.
The second holds samples of one fate each, for `nscweb evaluate`. Nothing of the program is imported but its command
line, so the goldens outlive moves inside the package.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path

import openpyxl
from typer.testing import CliRunner

from nscweb.cli.main import app as command

Kept = Callable[[str, int], bool]  # (sample, cells kept of it before) -> is this cell kept?
STUDY, PURE = "golden", "golden pure"
SEED = 77
# 30 cells in each of the 81 samples that the simulator draws, 16 in each of its 45 pure ones.
CELLS, PURE_CELLS = 2430, 720
FATES = ("neuron", "astrocyte", "oligodendrocyte")
GROUPS = ("RA+SHH", "NT4", "CNTF", "oligodendrocyte-medium")
MARKED, CHOSEN = "NT4", "CNTF"  # marked as control in the sheet; named by the user
MISSING = "oligodendrocyte-medium_3d_rep3"  # two replicates of this group and day are left
SPARSE, SPARSE_CELLS = "RA+SHH_5d_rep2", 12
PURE_DAYS = ("1d", "5d")
# What somebody asks: option of the command line -> its words in a golden file.
CONTROLS: tuple[tuple[str, ...], ...] = ((), ("--control", ""), ("--control", CHOSEN), ("--control", MARKED))
SCORES = "_score"  # columns of cells.csv end with it, and so does the highest of them
TABLES = (
    *("samples", "groups", "tests", "time_course", "earliest_day", "replicates", "all_comparisons", "means_and_spread"),
    *("anova", "equivalence", "odds", "replicates_needed", "first_against_last", "agreement", "fit", "sets_by_group"),
    *("quality", "findings", "sample_sheet", "columns"),
)
# Long tables, and those of the model alone, are there with every so-manieth line.
THINNED = {"cells": 60, "fit_numbers": 30, "sets_by_sample": 20, "reliability": 10, "known_mixtures": 15}
MOST_ROWS = {"About": 100, "provenance": 0}  # of a sheet of the workbook, else 8


def artefacts(folder: Path) -> dict[str, str]:
    """Make both studies in `folder` (empty) and hand back name of a golden file -> its text, not yet made stable."""
    made = _predicted(folder)
    made |= _compared(folder)
    made |= _reported(folder)
    made |= _evaluated(folder)
    return made


def closest_tie(folder: Path) -> float:
    """Smallest distance between the two highest scores of a cell, after `artefacts` in the same folder."""
    nearest = 1.0
    for study in (STUDY, PURE):
        cells = folder / "cells.csv"
        run(folder, "report", study, "--format", "cells", "--out", str(cells))
        with cells.open(newline="", encoding="utf-8-sig") as handle:
            for row in csv.DictReader(handle):
                scores = sorted(float(value) for name, value in row.items() if name.endswith(SCORES))
                # The last one is the highest score again.
                nearest = min(nearest, scores[-2] - scores[-3])
    return nearest


def run(folder: Path, *words: str) -> str:
    """Standard output of a command on the data folder in `folder`.

    Raises:
        AssertionError: the command failed.
    """
    asked = [*words] if words[0] == "simulate" else [*words, "--data-dir", str(folder / "data")]
    # One thread: the order of sums, and so the last digits, do not depend on the number of cores.
    result = CliRunner().invoke(command, asked, env={"NSCWEB_THREADS": "1"})
    assert result.exit_code == 0, f"nscweb {' '.join(words)}\n{result.output}"
    return result.stdout


def _predicted(folder: Path) -> dict[str, str]:
    _import(folder, STUDY, CELLS, _chosen_cell, lambda name: {"control": "yes" if name.startswith(MARKED) else ""})
    said = run(folder, "predict", STUDY, "--device", "cpu", "--json")
    # Eight digits are enough to see that the weights are others, and the only hash that is no placeholder.
    return {"predict.json": said, "weights.txt": json.loads(said)["weights_sha256"][:8]}


def _compared(folder: Path) -> dict[str, str]:
    said = []
    for words in CONTROLS:
        for fate, time in (*((fate, ()) for fate in FATES), (FATES[0], ("--time", "1d"))):
            asked = ("compare", STUDY, *words, "--fate", fate, *time)
            answer = run(folder, *asked).split("Does the model fit?")[0]
            said.append(f"$ nscweb {' '.join(word or repr(word) for word in asked)}\n{answer}")
    run(folder, "compare", STUDY, "--out", str(folder / "default"))
    run(folder, "compare", STUDY, "--control", CHOSEN, "--out", str(folder / "chosen"))
    return {
        "compare.txt": "\n".join(said),
        "compare.json": run(folder, "compare", STUDY, "--control", CHOSEN, "--json"),
        "compare/tests.csv": _csv((folder / "default" / "tests.csv").read_bytes()),
        "compare/tests_against_chosen.csv": _csv((folder / "chosen" / "tests.csv").read_bytes()),
    }


def _reported(folder: Path) -> dict[str, str]:
    everything, book = folder / "report.zip", folder / "report.xlsx"
    run(folder, "report", STUDY, "--format", "zip", "--out", str(everything))
    # Filters, another fate and no control: the workbook shows what the zip does not, and stays short.
    only = ("--only-group", "RA+SHH", "--only-group", CHOSEN, "--only-time", "3d")
    asked = ("--control", "", "--fate", FATES[2], "--no-cells", "--out", str(book))
    run(folder, "report", STUDY, "--format", "xlsx", *only, *asked)
    with zipfile.ZipFile(everything) as archive:
        files = [name for name in archive.namelist() if "/" not in name]
        made = {
            "report/README.txt": archive.read("README.txt").decode(),
            "report/report.txt": _text(archive.read("report.html").decode()),
            "report/files.txt": "\n".join(sorted(archive.namelist())),
        }
        for name in TABLES:
            made[f"report/{name}.csv"] = _csv(archive.read(f"{name}.csv"))
        for name, step in THINNED.items():
            made[f"report/{name}.csv"] = _csv(archive.read(f"{name}.csv"), step)
        assert set(files) >= {f"{name}.csv" for name in TABLES}
    made["workbook.csv"] = _workbook(book)
    return made


def _evaluated(folder: Path) -> dict[str, str]:
    _import(folder, PURE, PURE_CELLS, _pure_cell, lambda name: {"true_class": name.split("_")[0]}, "--pure")
    out = folder / "evaluated"
    said = run(folder, "evaluate", PURE, "--device", "cpu", "--out", str(out))
    return {
        "evaluate/said.txt": said,
        "evaluate/metrics.json": (out / "metrics.json").read_text("utf-8"),
        "evaluate/confusion.csv": _csv((out / "confusion.csv").read_bytes()),
        "evaluate/metrics.csv": _csv((out / "metrics.csv").read_bytes()),
        "evaluate/metrics_by_group.csv": _csv((out / "metrics_by_group.csv").read_bytes(), 4),
    }


def _import(
    folder: Path, name: str, cells: int, kept: Kept, said_of: Callable[[str], dict[str, str]], *more: str
) -> None:
    """Simulate, keep the chosen cells and import them with a sample sheet that says `said_of` of each sample."""
    every, few, sheet = (folder / f"{name} {what}" for what in ("every.zip", "few.zip", "sheet.csv"))
    run(folder, "simulate", str(every), "--cells", str(cells), "--seed", str(SEED), "--channels", "Ch1", *more)
    samples: dict[str, int] = {}
    with zipfile.ZipFile(every) as archive, zipfile.ZipFile(few, "w") as chosen:
        chosen.comment = archive.comment  # it says that the cells are simulated
        for member in archive.infolist():
            sample = member.filename.split("/")[0]
            if kept(sample, samples.get(sample, 0)):
                samples[sample] = samples.get(sample, 0) + 1
                chosen.writestr(member, archive.read(member))
    rows = [{"sample": sample, "donor": f"D{sample[-1]}", **said_of(sample)} for sample in samples]
    with sheet.open("w", newline="", encoding="utf-8") as handle:
        table = csv.DictWriter(handle, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    run(folder, "study", "import", str(few), "--name", name, "--sheet", str(sheet), "--pixel-size", "1")


def _chosen_cell(sample: str, before: int) -> bool:
    there = sample.split("_")[0] in GROUPS and sample != MISSING
    return there and (sample != SPARSE or before < SPARSE_CELLS)


def _pure_cell(sample: str, before: int) -> bool:
    return sample.split("_")[1] in PURE_DAYS


def _csv(data: bytes, step: int = 1) -> str:
    """A table as it is, every `step`-th row, but what is the same in every row only once and first."""
    head, *rows = csv.reader(io.StringIO(data.decode("utf-8-sig")))
    return "\n".join(_rows(head, rows[::step]))


def _rows(head: list[str], rows: list[list[str]]) -> Iterator[str]:
    same = [len(rows) > 1 and len({row[place] for row in rows}) == 1 for place in range(len(head))]
    for name, alike, value in zip(head, same, rows[0] if rows else head, strict=True):
        if alike:
            yield f"# in every row: {name} = {value}"
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(
        [value for value, alike in zip(row, same, strict=True) if not alike] for row in [head, *rows]
    )
    yield from text.getvalue().splitlines()


def _workbook(path: Path) -> str:
    """One line per cell: sheet, row, title of its column, value, number format where there is one."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("sheet", "row", "column", "value", "format"))
    book = openpyxl.load_workbook(path)
    for sheet in book:
        head, *rows = sheet.iter_rows()
        table.writerow((sheet.title, "", f"{len(head)} columns, {len(rows)} rows", f"frozen at {sheet.freeze_panes}"))
        for row in rows[: MOST_ROWS.get(sheet.title, 8)]:
            for title, cell in zip(head, row, strict=True):
                if cell.value is not None:
                    shown = "" if cell.number_format == "General" else cell.number_format
                    table.writerow((sheet.title, cell.row, title.value, cell.value, shown))
    book.close()
    return text.getvalue()


def _text(page: str) -> str:
    """The words of an HTML page: a line per paragraph, heading, item, figure and row of a table."""
    reader = _Words()
    reader.feed(page)
    reader.close()
    return "\n".join(reader.lines)


class _Words(HTMLParser):
    """Attributes:
    lines: that were read.
    """

    _BLOCKS = frozenset(
        (
            "p",
            "h1",
            "h2",
            "h3",
            "li",
            "tr",
            "div",
            "figure",
            "figcaption",
            "caption",
            "svg",
            "header",
            "section",
            "title",
        )
    )
    _CELLS = frozenset(("td", "th", "text", "tspan"))
    _UNSEEN = frozenset(("script", "style"))

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self._line = ""
        self._unseen = False

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self._unseen = self._unseen or tag in self._UNSEEN
        if tag in self._BLOCKS:
            self._end()

    def handle_endtag(self, tag: str) -> None:
        if tag in self._UNSEEN:
            self._unseen = False
        if tag in self._BLOCKS:
            self._end()
        elif tag in self._CELLS:
            self._line += " | "

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self._line += data

    def _end(self) -> None:
        line = " ".join(self._line.split()).strip(" |")
        if line:
            self.lines.append(line)
        self._line = ""
