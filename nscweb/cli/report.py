"""`nscweb report` writes the report of a run; `nscweb rerun` makes the tables of a report again and compares."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nscweb.cli.console import (
    Adjust,
    AsJson,
    Control,
    DataDir,
    Device,
    Fate,
    Method,
    Time,
    Variance,
    hours_of,
    point_of,
    running,
)
from nscweb.core.rules import DEFAULT_ADJUST, DEFAULT_METHOD, DEFAULT_VARIANCE, DIFFERENCE, MARGIN


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("report")(report)
    app.command("rerun")(rerun)


def report(
    run: Annotated[str, typer.Argument(help="Id of a run, or a study: then its newest run.", show_default=False)],
    form: Annotated[
        str,
        typer.Option(
            "--format",
            help="html, xlsx, fcs (a file per sample), fcs-one, pop (for IDEAS), cells (CSV) or zip (everything).",
        ),
    ] = "html",
    out: Annotated[Path | None, typer.Option("--out", help="File to write, or a folder that is there.")] = None,
    method: Method = DEFAULT_METHOD,
    control: Control = None,
    adjust: Adjust = DEFAULT_ADJUST,
    variance: Variance = DEFAULT_VARIANCE,
    fate: Fate = "",
    time_h: Time = "",
    margin: Annotated[
        float, typer.Option("--margin", min=0, max=1, help="Share that would not matter, for the table Equivalence.")
    ] = MARGIN,
    difference: Annotated[
        float,
        typer.Option("--difference", min=0, max=1, help="Share that should be found, for the table Replicates needed."),
    ] = DIFFERENCE,
    only_group: Annotated[
        list[str] | None, typer.Option("--only-group", help="Only this group; may be given again.")
    ] = None,
    only_time: Annotated[
        list[str] | None, typer.Option("--only-time", help="Only this time point; may be given again.")
    ] = None,
    only_replicate: Annotated[
        list[str] | None, typer.Option("--only-replicate", help="Only this replicate; may be given again.")
    ] = None,
    no_cells: Annotated[bool, typer.Option("--no-cells", help="The workbook without one row per cell.")] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Write the report of a run: for people (html), spreadsheets (xlsx), cytometry software (fcs, pop), or all."""
    with running(as_json) as console:
        from nscweb.core.errors import StudyError
        from nscweb.evaluation.ratios.cell_filters import Filters
        from nscweb.services.predict.runs import get_run, latest_run
        from nscweb.services.report.report import ENDINGS, write_report
        from nscweb.services.report.scope import ReportRequest

        request = ReportRequest(
            filters=Filters(
                tuple(only_group or ()), tuple(point_of(text) for text in only_time or ()), tuple(only_replicate or ())
            ),
            method=method,
            control=control,
            adjust=adjust,
            variance=variance,
            fate=fate,
            time_h=hours_of(time_h),
            form=form,
            margin=margin,
            difference=difference,
            cells=not no_cells,
        )
        opened = console.open(data_dir)
        if run[:1] == "r" and run[1:].isdigit():
            found = get_run(opened, run)
        else:
            newest = latest_run(opened, run)
            if newest is None:
                raise StudyError(f"The study {run} was not predicted yet.", "Give: nscweb predict STUDY.", "E-NO-RUN")
            found = newest
        name = f"{found.run_id}{ENDINGS.get(form, '')}"
        path = Path(name) if out is None else out / name if out.is_dir() else out
        write_report(opened, found, request, path, progress=console.progress)
        size = path.stat().st_size
        data = {"run": found.run_id, "format": form, "file": str(path), "bytes": size}
        console.result(data, f"Written: {path} ({size / 1e6:.2f} MB).")


def rerun(
    report: Annotated[Path, typer.Argument(help="HTML, ZIP or XLSX file of a report.", show_default=False)],
    out: Annotated[Path | None, typer.Option("--out", help="Also write the new report, as a ZIP file.")] = None,
    device: Device = "auto",
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Make the tables of a report again from its cells, weights, gates and settings, and say if they are the same.

    Ends with code 1 when a number differs.
    """
    with running(as_json) as console:
        from nscweb.services.report import rerun as again

        opened = console.open(data_dir)
        result = again.rerun(opened, report, out=out, progress=console.progress, device=device)
        lines = [
            f"{result.cells:,} cells of {result.study} predicted again with {result.model} for run {result.run}.",
            result.sentence,
            *(line for check in result.checks for line in check.different),
            *(f"Note: {reason}" for reason in result.reasons if result.same),
        ]
        console.result(result.as_dict(), "\n".join(lines))
        if not result.same:
            raise typer.Exit(1)
