"""`nscweb compare`: which group gives most of a fate, how early, how sure; groups and tests as tables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nscweb.cli.console import Adjust, AsJson, Control, DataDir, Fate, Method, Name, Time, Variance, hours_of, running
from nscweb.core.rules import DEFAULT_ADJUST, DEFAULT_METHOD, DEFAULT_VARIANCE


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("compare")(compare)


def compare(
    study: Name,
    run: Annotated[str, typer.Option("--run", help="Id of a run; without it the newest one.")] = "",
    fate: Fate = "",
    time_h: Time = "",
    control: Control = None,
    method: Method = DEFAULT_METHOD,
    adjust: Adjust = DEFAULT_ADJUST,
    variance: Variance = DEFAULT_VARIANCE,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for groups.csv, tests.csv and samples.csv.")] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Compare the inducer groups of a predicted study and write the group and test tables.

    The numbers are those of the page Compare with the filters that it opens with.
    """
    with running(as_json) as console:
        from nscweb.services.compare.compare import compare_groups
        from nscweb.services.compare.compare_request import CompareRequest
        from nscweb.services.compare.comparison import answer_of
        from nscweb.services.compare.known_part import more_cells_dict, more_cells_line
        from nscweb.services.predict.runs import run_of
        from nscweb.services.report.export import write_comparison

        request = CompareRequest(
            method=method, control=control, adjust=adjust, variance=variance, fate=fate, time_h=hours_of(time_h)
        )
        opened = console.open(data_dir)
        chosen = run_of(opened, study, run)
        compared = compare_groups(opened, chosen, request)
        found, wanted, hours = compared.found, compared.fate, compared.time_h
        said = answer_of(found, wanted, hours)
        files = write_comparison(opened, found, out) if out else {}
        result = {
            "run": chosen.run_id,
            "fate": wanted,
            "time_h": hours,
            "method": found.estimates.method,
            "method_instead_of_asked": found.estimates.instead,
            "held_out": more_cells_dict(found),
            "control": found.control,
            "answer": said.headline,
            "verdict": said.verdict,
            "order": list(said.order),
            "sentences": list(found.sentences),
            "warnings": list(found.data.warnings),
            "files": {name: str(path) for name, path in files.items()},
        }
        worth = [text for text in [more_cells_line(found)] if text]
        lines = [*found.sentences, *worth, *(f"Note: {text}" for text in found.data.warnings)]
        console.result(result, "\n".join([*lines, *(f"Written: {path}" for path in files.values())]))
