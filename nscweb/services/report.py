"""The report of a run as files: one zip with everything, and each form of it alone."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import pandas as pd

from nscweb.core.card_json import card_to_dict
from nscweb.core.errors import WrongUse
from nscweb.core.progress import Progress, no_progress
from nscweb.core.runs import Run
from nscweb.core.timepoint import TimePoint
from nscweb.services.comparison import DEFAULT_METHOD
from nscweb.services.dashboard import Filters
from nscweb.services.export import cells_frame, figure_csv, stated
from nscweb.services.export_tables import meanings
from nscweb.services.report_data import ReportData, report_data
from nscweb.services.report_methods import methods_text
from nscweb.services.runs import get_run

if TYPE_CHECKING:
    from nscweb.services.context import App

ReportForm = Literal["html", "xlsx", "fcs", "fcs-one", "pop", "zip"]
FORMS: tuple[str, ...] = get_args(ReportForm)
ENDINGS: dict[str, str] = {
    "html": "_report.html",
    "xlsx": "_report.xlsx",
    "fcs": "_fcs.zip",
    "fcs-one": ".fcs",
    "pop": "_pop.zip",
    "zip": ".zip",
}
# One fixed time stamp in the zip, so that the same run gives the same bytes.
_STAMP = (1980, 1, 1, 0, 0, 0)
_LINES_AT_ONCE = 50_000
_FILES = {
    "Samples": "samples.csv",
    "Groups": "groups.csv",
    "Tests": "tests.csv",
    "Replicates": "replicates.csv",
    "Fit": "fit.csv",
    "Funnel": "quality.csv",
    "Findings": "findings.csv",
    "Sample sheet": "sample_sheet.csv",
}
# Tables of the run carry what made them in every line; the others say nothing of a model.
_STATED = ("Samples", "Groups", "Tests", "Replicates", "Fit")


def write_report(
    app: App,
    run: Run | str,
    form: str,
    out: Path,
    *,
    filters: Filters | None = None,
    method: str = DEFAULT_METHOD,
    control: str | None = None,
    adjust: str = "holm",
    cells: bool = True,
    progress: Progress = no_progress,
) -> Path:
    """Write the report of a run in one form; arguments as in `report_data`.

    Args:
        form: one of `FORMS`: ``html``, ``xlsx``, ``fcs`` (a zip with a file per sample), ``fcs-one`` (one file),
            ``pop`` (a zip) or ``zip`` (everything).
        out: path of the file; its folder is made.
        cells: the workbook gets one row per cell.

    Raises:
        WrongUse: there is no such form, method or adjustment.
        StoreError: there is no such run or its table is damaged.
    """
    from nscweb.services.export_fcs import write_fcs_file, write_fcs_zip
    from nscweb.services.export_pop import write_pop_zip
    from nscweb.services.export_xlsx import write_xlsx
    from nscweb.services.html_report import html_report
    from nscweb.store.files import atomic_write

    if form not in FORMS:
        raise WrongUse(f"There is no report in the form {form!r}.", f"There are: {', '.join(FORMS)}.")
    found = get_run(app, run)
    out.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(out) as stream:
        if form == "fcs":
            write_fcs_zip(app, found, stream, filters, progress)
        elif form == "fcs-one":
            write_fcs_file(app, found, stream, filters)
        elif form == "pop":
            write_pop_zip(app, found, stream, filters, progress)
        else:
            data = report_data(app, found, filters, method, control, adjust)
            if form == "html":
                stream.write(html_report(data).encode("utf-8"))
            elif form == "xlsx":
                write_xlsx(app, data, stream, cells=cells, progress=progress)
            else:
                with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
                    _fill(app, data, archive, progress)
    return out


def run_zip(
    app: App,
    run: Run | str,
    out: Path | None = None,
    filters: Filters | None = None,
    progress: Progress = no_progress,
) -> Path:
    """Write everything of a run into one zip and return its path.

    Args:
        out: path of the zip; None puts it into the folder of the run.
    """
    found = get_run(app, run)
    path = out or app.folder.run_dir(found.run_id) / f"{found.run_id}.zip"
    return write_report(app, found, "zip", path, filters=filters, progress=progress)


def _fill(app: App, data: ReportData, archive: zipfile.ZipFile, progress: Progress) -> None:
    import io

    from nscweb.services.export_fcs import add_fcs
    from nscweb.services.export_pop import add_populations
    from nscweb.services.export_xlsx import write_xlsx
    from nscweb.services.html_report import html_report

    run, filters = data.run, data.found.filters

    def add(name: str, content: bytes) -> None:
        archive.writestr(zipfile.ZipInfo(name, _STAMP), content, zipfile.ZIP_DEFLATED)

    add("README.txt", readme(data).encode("utf-8"))
    add("report.html", html_report(data).encode("utf-8"))
    book = io.BytesIO()
    write_xlsx(app, data, book, cells=False)
    add("report.xlsx", book.getvalue())
    for name, file in _FILES.items():
        if name in data.tables:
            table = data.tables[name]
            add(file, figure_csv(stated(table, run, filters) if name in _STATED else table))
    for name, table in data.figures.items():
        add(f"figures/{name}.csv", figure_csv(stated(table, run, filters)))
    add("provenance.json", json.dumps(data.provenance, indent=2, ensure_ascii=False).encode("utf-8"))
    if data.card is not None:
        add("card.json", json.dumps(card_to_dict(data.card), indent=2, ensure_ascii=False).encode("utf-8"))
    _add_cells(cells_frame(app, run, filters), archive, progress)
    add_populations(app, run, archive, filters, folder="pop/")
    add_fcs(app, run, archive, filters, progress, folder="fcs/")


def _add_cells(table: pd.DataFrame, archive: zipfile.ZipFile, progress: Progress) -> None:
    there = zipfile.ZipInfo("cells.csv", _STAMP)
    there.compress_type = zipfile.ZIP_DEFLATED
    with archive.open(there, "w", force_zip64=True) as stream:
        for start in range(0, max(1, len(table)), _LINES_AT_ONCE):
            lines = figure_csv(table.iloc[start : start + _LINES_AT_ONCE])
            stream.write(lines.partition(b"\n")[2] if start else lines)
            progress(min(start + _LINES_AT_ONCE, len(table)), len(table), "Writing the cells")


def readme(data: ReportData) -> str:
    """The page in plain words: what this is, what the files hold, how numbers were made, what limits are."""
    run, made, found = data.run, data.run.provenance, data.found
    methods, references = methods_text(data)
    columns = [f"  {name}: {said}" for name, said in meanings(list(data.tables["Samples"].columns)) if said]
    lines = [
        data.title,
        "",
        *data.notices,
        "",
        f"Run {run.run_id}, made {run.created_utc}, model {made.model} {made.model_version}",
        f"SHA-256 of the weights: {made.weights_sha256}",
        f"Channel: {made.channel}. Cells predicted: {found.data.cells:,}; behind the ratios: {found.data.kept:,}.",
        *(f"  left out: {count:,} - {reason}" for reason, count in found.data.dropped.items()),
        f"Quality gates: {data.provenance['gates']['sentence']}",
        "",
        "Read this before the numbers",
        *_bullets(found.data.warnings),
        "",
        "The answer",
        *_bullets(found.sentences),
        "",
        "Files",
        "  report.html       everything to read and print, without a network",
        "  report.xlsx       the tables below as sheets of a workbook, but not the cells",
        "  cells.csv         one line per cell: object number, scores, class, quality flags, counted or not",
        "  samples.csv       one line per sample: cells, counts and ratios of each class with intervals",
        "  groups.csv        one line per inducer group, time point and class, over replicates",
        "  tests.csv         one line per comparison of two groups",
        "  replicates.csv    one line per replicate and class: the points of the figures",
        "  fit.csv           does the model fit: the light of each sample and its reasons",
        "  quality.csv       cells imported, left out by each gate and kept, by sample",
        "  findings.csv      what was noticed at import, every skipped file with its reason",
        "  sample_sheet.csv  what was said about the samples",
        "  figures/          the data behind each figure of the dashboard",
        "  pop/              object numbers of each class by sample, as populations for IDEAS",
        "  fcs/              scores, class and gates of each cell for flow cytometry software",
        "  provenance.json   everything needed to repeat the run: nscweb rerun and the name of this ZIP file",
        "  card.json         the model card",
        "",
        "How the numbers were made",
        *(f"  {sentence}" for sentence in methods),
        *(f"  [{number}] {text}" for number, text in enumerate(references, start=1)),
        f"  Time points: {_times(data)}.",
        "",
        "Columns of samples.csv; those of the other tables are explained in report.xlsx",
        *columns,
        "",
        "Limits of the model",
        *_bullets(tuple(run.extra.get("limits", ()))),
    ]
    return "\n".join(lines) + "\n"


def _bullets(sentences: tuple[str, ...]) -> list[str]:
    return [f"  - {sentence}" for sentence in sentences] or ["  - nothing to say"]


def _times(data: ReportData) -> str:
    return ", ".join(TimePoint(hours).label() for hours in data.found.data.options.times_h) or "not given"
