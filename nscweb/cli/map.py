"""`nscweb map`: lay the cells of a study out, or place new ones on its map."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, cast

import typer

from nscweb.cli.console import AsJson, DataDir, Name, running


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("map")(cell_map)


def cell_map(
    study: Name,
    vectors: Annotated[
        str,
        typer.Option(
            "--vectors",
            help="What makes two cells alike: model, imagenet (EfficientNet-Lite0), features, or auto for the model "
            "where it fits.",
        ),
    ] = "auto",
    model: Annotated[
        str, typer.Option("--model", help="Name of a model, or path of its folder; without it the default model.")
    ] = "",
    anew: Annotated[
        bool, typer.Option("--anew", help="Lay all cells out again instead of placing new ones on the map.")
    ] = False,
    out: Annotated[Path | None, typer.Option("--out", help="File for the places of all cells, CSV.")] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Make the map of a study: cells that look alike lie side by side. It is kept and shown on the page Cells."""
    with running(as_json) as console:
        from nscweb.services.maps.chosen import places_csv
        from nscweb.services.maps.map import MapRequest, make_map
        from nscweb.services.maps.vectors import Kind

        opened = console.open(data_dir)
        request = MapRequest(study, cast(Kind, vectors), model, anew)
        made = make_map(opened, request, progress=console.progress)
        if out:
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_bytes(places_csv(opened, made))
        result = {
            "study": made.study.name,
            "vectors": made.source.kind,
            "model": made.source.model,
            "cells": len(made.row),
            "laid_out": made.laid_out,
            "file": str(out) if out else None,
        }
        lines = [f"{len(made.row):,} cells of {made.study.name} on the map, by {made.source.sentence}."]
        if made.source.why:
            lines.append(f"Note: no model was used. {made.source.why}")
        lines += [f"Written: {out}"] if out else []
        console.result(result, "\n".join(lines))
