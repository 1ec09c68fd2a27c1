"""``nscweb simulate``: a simulated study as a zip like a real export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nscweb.cli.console import AsJson, running


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("simulate")
    def simulate(
        out: Annotated[Path, typer.Argument(metavar="OUT.zip", show_default=False)],
        cells: Annotated[int, typer.Option(min=1, help="Number of cells.")] = 5000,
        seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same bytes.")] = 0,
        truth: Annotated[Path | None, typer.Option(help="Also write a CSV with the fate of every object.")] = None,
        profile: Annotated[
            str, typer.Option(help="Instrument: flowsight (8 bit) or imagestream (12 bit in 16).")
        ] = "flowsight",
        pure: Annotated[
            bool, typer.Option("--pure", help="Each sample holds one fate, for training and evaluation.")
        ] = False,
        channels: Annotated[
            str, typer.Option(help="Channels to write, with commas, for example Ch1 or Ch1,Ch2; empty: all four.")
        ] = "",
        as_json: AsJson = False,
    ) -> None:
        """Write a simulated study: a folder of cell images for each sample, zipped, with known fates."""
        with running(as_json) as console:
            from nscweb.services.study.simulate import simulate as write

            chosen = tuple(name.strip() for name in channels.split(",") if name.strip())
            done = write(
                out,
                cells=cells,
                seed=seed,
                truth=truth,
                profile=profile,
                pure=pure,
                channels=chosen or None,
                progress=console.progress,
            )
            console.result(
                {
                    "out": str(out),
                    "truth": str(truth) if truth else None,
                    "simulated": True,
                    "cells": done.cells,
                    "samples": done.samples,
                    "members": done.members,
                    "size_bytes": done.size_bytes,
                    "seed": seed,
                },
                f"Wrote {done.cells:,} simulated cells of {done.samples} samples to {out} "
                f"({done.size_bytes / 1e6:,.1f} MB).",
            )
