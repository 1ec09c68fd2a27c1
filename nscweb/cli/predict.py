"""`nscweb predict`: every cell of a study through one model, and the tables as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nscweb.cli.console import AsJson, DataDir, Device, Name, running


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("predict")(predict)


def predict(
    study: Name,
    model: Annotated[
        str, typer.Option("--model", help="Name of a model, or path of its folder; without it the default model.")
    ] = "",
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for cells.csv, samples.csv, groups.csv and provenance.json.")
    ] = None,
    fast: Annotated[
        bool, typer.Option("--fast", help="The 8-bit form, where it answers alike and is quicker on this machine.")
    ] = False,
    device: Device = "auto",
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Predict the class of every cell of a study and write the fate ratios as tables.

    A prediction that was stopped goes on where it was when the same command is given again.
    """
    with running(as_json) as console:
        from nscweb.services.compare.dashboard import dashboard_data, warnings_of
        from nscweb.services.predict.predict import predict_study
        from nscweb.services.predict.predict_request import PredictRequest
        from nscweb.services.report.export import export_run

        opened = console.open(data_dir)
        request = PredictRequest(study, model, "fast" if fast else "exact", device)
        run = predict_study(opened, request, progress=console.progress)
        files = export_run(opened, run, out) if out else {}
        data = dashboard_data(opened, run)
        warnings = list(warnings_of(opened, run))
        made = run.provenance
        result = {
            "study": made.study,
            "model": made.model,
            "model_version": made.model_version,
            "weights_sha256": made.weights_sha256,
            "run": run.run_id,
            "cells": run.cells,
            "counted": data.kept,
            "samples": len(data.samples),
            "classes": list(run.class_names),
            "simulated_cells": made.simulated_cells,
            "simulated_training": made.simulated_training,
            "seconds": made.seconds,
            "mode": made.settings.get("mode", "exact"),
            "warnings": warnings,
            "files": {name: str(path) for name, path in files.items()},
        }
        lines = [
            f"{run.cells:,} cells of {made.study} predicted with {made.model} in {made.seconds:.1f} s "
            f"(run {run.run_id}); {data.kept:,} of them count in the ratios.",
            *(f"Note: {sentence}" for sentence in warnings),
            *(f"Written: {path}" for path in files.values()),
        ]
        console.result(result, "\n".join(lines))
