"""``nscweb reproduce``: do a published paper again and see its figures beside ours."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nscweb.cli.console import AsJson, DataDir, Device, running


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("reproduce")(reproduce)


def reproduce(
    paper: Annotated[
        str, typer.Argument(help="zhu2021, parthasarathy2024, zamani2023, cgrecnet2026 or kim2023.", show_default=False)
    ],
    quick: Annotated[
        bool, typer.Option("--quick", help="Few cells, small inputs, few epochs: minutes on two cores.")
    ] = False,
    study: Annotated[
        str,
        typer.Option("--study", help="Imported study; otherwise the paper's public set if it is here, else simulated."),
    ] = "",
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder of the result; otherwise in the data folder.")
    ] = None,
    only: Annotated[
        str, typer.Option("--only", metavar="TABLE", help="One table or figure, by name of its file.")
    ] = "",
    seed: Annotated[int, typer.Option("--seed", min=0, help="Added to the seeds of the paper.")] = 0,
    device: Device = "auto",
    pretrained: Annotated[
        str, typer.Option("--pretrained", help="none, or imagenet where such weights can be had.")
    ] = "none",
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Train the models of a paper and write its tables and figures from our run, beside the printed numbers.

    A run that was stopped goes on when the same command is given again; finished trainings are not done twice.
    """
    with running(as_json) as console:
        from nscweb.papers.reproduce import ReproduceRequest
        from nscweb.papers.reproduce import reproduce as run

        request = ReproduceRequest(
            paper=paper,
            quick=quick,
            study=study,
            out=out,
            only=only.removeprefix("simulated_"),
            seed=seed,
            device=device,
            pretrained=pretrained,
        )
        done = run(console.open(data_dir), request, progress=console.progress)
        lines = [
            f"{'SIMULATED cells. ' if done.simulated else ''}{len(done.pieces)} tables and figures are in "
            f"{done.folder}; open {done.report.name}.",
            f"{done.data} {done.trainings} trainings, {done.seconds:.0f} s.",
            *done.skipped,
        ]
        console.result(
            {
                "folder": str(done.folder),
                "report": str(done.report),
                "simulated": done.simulated,
                "data": done.data,
                "tables": [piece.name for piece in done.pieces],
                "left_out": list(done.skipped),
                "trainings": done.trainings,
                "seconds": done.seconds,
            },
            "\n".join(lines),
        )
