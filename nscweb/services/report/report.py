"""The report of a run as files: one zip with everything, and each form of it alone."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path
from typing import IO, TYPE_CHECKING

import pandas as pd

from nscweb.core.card import card_to_dict
from nscweb.core.progress import Progress, no_progress
from nscweb.core.run_record import Run
from nscweb.core.timepoint import TimePoint
from nscweb.files.outgoing import columns_table
from nscweb.files.plain_tables import csv_bytes
from nscweb.files.zips import entry
from nscweb.services.compare.dashboard import options_of
from nscweb.services.compare.facts import cells_left_out
from nscweb.services.predict.runs import get_run
from nscweb.services.report.column_notes import UNITS, family_notes
from nscweb.services.report.content import ReportData, report_data
from nscweb.services.report.export import DICTIONARY, add_dictionary, cells_frame
from nscweb.services.report.figure_data import DRAWN_FROM, FIGURES
from nscweb.services.report.methods import methods_parts
from nscweb.services.report.parts import BY_NAME, PARTS
from nscweb.services.report.scope import ReportRequest, analysed, check_filters, counted_words
from nscweb.services.report.workbook_sheets import choices

if TYPE_CHECKING:
    from nscweb.services.context import App

ENDINGS: dict[str, str] = {
    "html": "_report.html",
    "xlsx": "_report.xlsx",
    "fcs": "_fcs.zip",
    "fcs-one": ".fcs",
    "pop": "_pop.zip",
    "cells": "_cells.csv",
    "zip": ".zip",
}
_LINES_AT_ONCE = 50_000


def write_report(
    app: App, run: Run | str, request: ReportRequest, out: Path, *, progress: Progress = no_progress
) -> Path:
    """Write the report of a run in one form.

    Args:
        out: path of the file; its folder is made.

    Raises:
        WrongUse: a filter names what the study does not have.
        StoreError: there is no such run or its table is damaged.
    """
    from nscweb.services.report.fcs_files import FCS_COLUMNS, INDEX, add_fcs, write_fcs_file
    from nscweb.services.report.html_report import html_report
    from nscweb.services.report.pop_files import LISTS, POPULATION_COLUMNS, add_populations
    from nscweb.services.report.workbook_sheets import write_xlsx
    from nscweb.store.files import atomic_write

    form, filters = request.form, request.filters
    found = get_run(app, run)
    check_filters(options_of(app, found), filters)
    cell_zips = {"fcs": (INDEX, FCS_COLUMNS, add_fcs), "pop": (LISTS, POPULATION_COLUMNS, add_populations)}
    out.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(out) as stream:
        if form in cell_zips:
            name, columns, add = cell_zips[form]
            with zipfile.ZipFile(stream, "w") as archive:
                add_dictionary(app, found, archive, filters, {name: columns})
                add(app, found, archive, filters, progress)
        elif form == "fcs-one":
            write_fcs_file(app, found, stream, filters, progress)
        elif form == "cells":
            progress(0, found.cells, "Gathering the cells")
            _write_cells(cells_frame(app, found, filters), stream, progress)
        else:
            progress(0, 2, "Counting and comparing")
            data = report_data(app, found, request, parts=form != "html", progress=progress)
            if form == "html":
                progress(1, 2, "Writing the page")
                stream.write(html_report(data).encode("utf-8"))
            elif form == "xlsx":
                write_xlsx(app, data, stream, cells=request.cells, progress=progress)
            else:
                with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
                    _fill(app, data, archive, progress)
    return out


def _fill(app: App, data: ReportData, archive: zipfile.ZipFile, progress: Progress) -> None:
    import io

    from nscweb.services.report.fcs_files import FCS_COLUMNS, INDEX, add_fcs
    from nscweb.services.report.html_report import html_report
    from nscweb.services.report.pop_files import LISTS, POPULATION_COLUMNS, add_populations
    from nscweb.services.report.workbook_sheets import write_xlsx

    run, filters = data.run, data.found.filters
    digests: dict[str, str] = {}

    def add(name: str, content: bytes) -> None:
        digests[name] = hashlib.sha256(content).hexdigest()
        archive.writestr(entry(name), content)

    progress(0, 3, "Writing the report")
    add("README.txt", readme(data).encode("utf-8"))
    add("report.html", html_report(data).encode("utf-8"))
    progress(1, 3, "Writing the workbook and the tables")
    book = io.BytesIO()
    write_xlsx(app, data, book, cells=False)
    add("report.xlsx", book.getvalue())
    cells = cells_frame(app, run, filters)
    columns = {"cells.csv": list(cells.columns)}
    files = {part.name: part.file for part in PARTS} | {FIGURES[name][0]: f"figures/{name}.csv" for name in FIGURES}
    for name, table in data.leaving().items():
        add(files[name], csv_bytes(table))
        columns[files[name]] = list(table.columns)
    columns |= {f"pop/{LISTS}": list(POPULATION_COLUMNS), f"fcs/{INDEX}": list(FCS_COLUMNS)}
    add(DICTIONARY, csv_bytes(columns_table(columns)))
    if data.card is not None:
        add("card.json", json.dumps(card_to_dict(data.card), indent=2, ensure_ascii=False).encode("utf-8"))
    made = {**data.provenance, "not_made": data.missing, "sha256_of_files": dict(digests)}
    add("provenance.json", json.dumps(made, indent=2, ensure_ascii=False).encode("utf-8"))
    progress(0, run.cells, "Gathering the cells")
    with archive.open(entry("cells.csv"), "w", force_zip64=True) as stream:
        _write_cells(cells, stream, progress)
    add_populations(app, run, archive, filters, folder="pop/")
    add_fcs(app, run, archive, filters, progress, folder="fcs/")


def _write_cells(table: pd.DataFrame, stream: IO[bytes], progress: Progress) -> None:
    for start in range(0, max(1, len(table)), _LINES_AT_ONCE):
        lines = csv_bytes(table.iloc[start : start + _LINES_AT_ONCE])
        stream.write(lines.partition(b"\n")[2] if start else lines)
        progress(min(start + _LINES_AT_ONCE, len(table)), len(table), "Writing the cells")


def readme(data: ReportData) -> str:
    """The page in plain words: what this is, what the files hold, how numbers were made, what limits are."""
    run, made, found = data.run, data.run.provenance, data.found
    methods, references = methods_parts(data)
    lines = [
        data.title,
        "",
        *data.notices,
        "",
        f"Run {run.run_id}, made {run.created_utc}, model {made.model} {made.model_version}",
        f"SHA-256 of the weights: {made.weights_sha256}",
        f"Channel: {made.channel}. Cells predicted: {found.data.cells:,}; behind the ratios: {counted_words(found)}.",
        *(f"  left out: {count:,} - {reason}" for reason, count in cells_left_out(found).items()),
        f"Quality gates: {data.provenance['gates']['sentence']}",
        "",
        "Read this before the numbers",
        *_bullets(found.data.warnings),
        "",
        "The answer",
        *_bullets(found.sentences),
        "",
        "Files",
        "  report.html: everything to read and print, without a network",
        "  report.xlsx: the tables below as sheets of a workbook, but not the cells",
        "  cells.csv: one line per cell: object number, scores, class, set of classes, light, quality flags, counted",
        *(f"  {part.file}: {part.holds}" for part in PARTS if part.name in data.tables),
        *(f"  figures/{name}.csv: data of {FIGURES[name][1]}" for name in data.figures),
        *(f"  data of the figure {figure}: {tables}" for figure, tables in DRAWN_FROM.items()),
        "  columns.csv: what every column of these tables means, with its unit",
        "  pop/: object numbers of each class by sample, as populations for IDEAS",
        "  fcs/: scores, class and gates of each cell for flow cytometry software",
        "  provenance.json: everything needed to repeat the run: nscweb rerun and the name of this ZIP file",
        "  card.json: the model card",
        *(["", "Not in these files, and why"] if data.missing else []),
        *(f"  {name}: {why}" for name, why in data.missing.items()),
        "",
        "Units",
        *(f"  {sentence}" for sentence in UNITS),
        *(f"  {BY_NAME[name].file}: {said}" for name, said in family_notes(data).items() if name in BY_NAME),
        "",
        "How the numbers were made",
        *(line for part in methods for line in (f"  {part.title}", *(f"    {text}" for text in part.sentences))),
        *(f"  [{number}] {text}" for number, text in enumerate(references, start=1)),
        *(f"  {sentence}" for sentence in data.said),
        f"  Time points: {_times(data)}.",
        *(f"  {name}: {value}" for name, value in choices(found, data.fate, data.time_h)),
        "",
        "Limits of the model",
        *_bullets(tuple(run.extra.get("limits", ()))),
    ]
    return "\n".join(lines) + "\n"


def _bullets(sentences: tuple[str, ...]) -> list[str]:
    return [f"  - {sentence}" for sentence in sentences] or ["  - nothing to say"]


def _times(data: ReportData) -> str:
    times = sorted(set(analysed(data.found)["time_h"].dropna()))
    return ", ".join(TimePoint(float(hours)).label() for hours in times) or "not given"
