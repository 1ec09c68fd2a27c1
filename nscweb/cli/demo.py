"""``nscweb demo``: make the demo study."""

from __future__ import annotations

from typing import Annotated

import typer

from nscweb.cli.console import AsJson, DataDir, running


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("demo")
    def demo(
        cells: Annotated[int | None, typer.Option(min=81, help="Cells of the demo study.")] = None,
        as_json: AsJson = False,
        data_dir: DataDir = None,
    ) -> None:
        """Make the simulated demo study and predict it; nothing happens when it is there already."""
        with running(as_json) as console:
            from nscweb.services.predict.demo import DEMO_CELLS, ensure_demo

            made = ensure_demo(console.open(data_dir), cells=cells or DEMO_CELLS, progress=console.progress)
            runs = [run.run_id for run in (made.run, made.labelled_run) if run is not None]
            console.result(
                {
                    "study": made.study.name,
                    "study_id": made.study.study_id,
                    "cells": made.study.cells,
                    "labelled_study": made.labelled.name,
                    "labelled_study_id": made.labelled.study_id,
                    "runs": runs,
                    "simulated": True,
                },
                f"{made.study.name}: {made.study.cells:,} simulated cells, "
                + ("predicted." if made.run else "not predicted, because no model is installed."),
            )
