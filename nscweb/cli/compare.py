"""`nscweb compare`: which group gives most of a fate, how early, how sure; groups and tests as tables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nscweb.cli.console import AsJson, DataDir, Name, running


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("compare")(compare)


def compare(
    study: Name,
    run: Annotated[str, typer.Option("--run", help="Id of a run; without it the newest one.")] = "",
    fate: Annotated[
        str, typer.Option("--fate", help="Class that the answer is about; neuron where there is one.")
    ] = "",
    time: Annotated[
        str,
        typer.Option(
            "--time", help="Time point, such as 1d or 12h; without it the last at which two groups can be compared."
        ),
    ] = "",
    control: Annotated[
        str | None,
        typer.Option(
            "--control", help='Group that the others are tested against; "" for every pair; else that of the sheet.'
        ),
    ] = None,
    method: Annotated[
        str, typer.Option("--method", help="pacc, acc or em (corrected), or naive (counted labels).")
    ] = "pacc",
    adjust: Annotated[
        str,
        typer.Option(
            "--adjust", help="holm or fdr_bh (Benjamini-Hochberg), over all comparisons of a fate and time point."
        ),
    ] = "holm",
    out: Annotated[Path | None, typer.Option("--out", help="Folder for groups.csv, tests.csv and samples.csv.")] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Compare the inducer groups of a predicted study and write the group and test tables.

    The numbers are those of the page Compare with the filters that it opens with.
    """
    with running(as_json) as console:
        from nscweb.core.errors import WrongUse
        from nscweb.core.timepoint import TimePoint
        from nscweb.services.compare.comparison import answer_of, comparison, default_fate, default_time, sentences
        from nscweb.services.predict.runs import get_run, latest_run
        from nscweb.services.report.comparison_files import write_comparison

        opened = console.open(data_dir)
        chosen = get_run(opened, run) if run else latest_run(opened, study)
        if chosen is None:
            raise WrongUse(f"The study {study!r} has no prediction yet.", "Run nscweb predict on it first.")
        found = comparison(opened, chosen, None, method, control, adjust)
        if control and found.control != control:
            raise WrongUse(f"No counted cell is of the group {control!r}.", "Name a group of the sample sheet.")
        wanted = fate or default_fate(found.classes)
        if wanted not in found.classes.names:
            raise WrongUse(f"The model has no class {wanted!r}.", f"Its classes are {', '.join(found.classes.names)}.")
        hours = TimePoint.parse(time).hours if time else default_time(found)
        said = answer_of(found, wanted, hours)
        files = write_comparison(found, out) if out else {}
        result = {
            "run": chosen.run_id,
            "fate": wanted,
            "time_h": hours,
            "method": found.estimates.method,
            "control": found.control,
            "answer": said.headline,
            "verdict": said.verdict,
            "order": list(said.order),
            "sentences": list(sentences(found, wanted, hours)),
            "warnings": list(found.data.warnings),
            "files": {name: str(path) for name, path in files.items()},
        }
        lines = [*sentences(found, wanted, hours), *(f"Note: {text}" for text in found.data.warnings)]
        console.result(result, "\n".join([*lines, *(f"Written: {path}" for path in files.values())]))
