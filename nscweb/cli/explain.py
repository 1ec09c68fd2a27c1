"""`nscweb explain`: class maps of single cells as pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nscweb.cli.console import AsJson, DataDir, Name, running


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("explain")(explain)


def explain(
    study: Name,
    out: Annotated[Path, typer.Option("--out", help="Folder for the pictures.")],
    model: Annotated[
        str, typer.Option("--model", help="Name of a model, or path of its folder; without it the default model.")
    ] = "",
    cells: Annotated[int, typer.Option("--cells", min=1, help="How many cells.")] = 12,
    class_name: Annotated[
        str, typer.Option("--class", help="Class to explain, or predicted for that of each cell.")
    ] = "predicted",
    method: Annotated[
        str,
        typer.Option(
            "--method",
            help="How maps are drawn: auto (Grad-CAM where the model has it), closed-form, grad-cam, "
            "integrated-gradients or occlusion.",
        ),
    ] = "auto",
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Write raw image and class map side by side, one PNG per cell, surest cells of each class in turn."""
    with running(as_json) as console:
        from nscweb.services.cells.explain import check_method, representative_cells, save_overlays
        from nscweb.services.cells.explain import explain as explained
        from nscweb.services.models import default_model
        from nscweb.services.predict.predict import run_for

        checked = check_method(method)
        opened = console.open(data_dir)
        wanted = model or default_model(opened).card.name
        run = run_for(opened, study, wanted, progress=console.progress)
        chosen = representative_cells(opened, run, cells)
        maps = explained(opened, run, chosen, class_name=class_name, method=checked, progress=console.progress)
        paths = save_overlays(opened, run, maps, out)
        result = {
            "study": run.provenance.study,
            "model": run.model,
            "run": run.run_id,
            "cells": len(maps),
            "method": maps[0].method if maps else method,
            "simulated_cells": run.provenance.simulated_cells,
            "warnings": list(run.provenance.warnings),
            "files": [
                {
                    "file": str(path),
                    "sample": item.cell.sample,
                    "object_number": item.cell.object_number,
                    "predicted": item.cell.predicted,
                    "confidence": item.cell.confidence,
                    "explained": item.explained,
                }
                for path, item in zip(paths, maps, strict=True)
            ],
        }
        console.result(result, "\n".join(f"Written: {path}" for path in paths))
