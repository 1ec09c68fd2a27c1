"""`nscweb tune`: search for training settings on studies with true classes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from nscweb.cli.assignments import assignments, level_of, listed
from nscweb.cli.console import (
    Architecture,
    AsJson,
    Channels,
    ClassFrom,
    DataDir,
    Device,
    LabelledStudies,
    LabelWays,
    Recipe,
    running,
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("tune")(tune)


def tune(
    out: Annotated[Path, typer.Option("--out", help="Folder of the search; the same command goes on there.")],
    studies: LabelledStudies = None,
    architecture: Architecture = "compact",
    trials: Annotated[int, typer.Option("--trials", min=1, help="Trainings in all.")] = 20,
    sampler: Annotated[
        str,
        typer.Option("--sampler", help="gp: Gaussian process with (log) expected improvement; tpe: Parzen estimators."),
    ] = "gp",
    epochs: Annotated[
        int | None, typer.Option("--epochs", help="Of each trial, at most; chosen by the number of cells.")
    ] = None,
    split_by: Annotated[
        str,
        typer.Option(
            "--by", help="What is never split: sample, replicate, donor, day, instrument, as in nscweb train."
        ),
    ] = "",
    space: Annotated[Path | None, typer.Option("--space", help="JSON that says what to search, and how far.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="A training setting that every trial has, name=value.")
    ] = None,
    recipe: Recipe = None,
    channels: Channels = "",
    labels: LabelWays = "",
    class_level: ClassFrom = "auto",
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same search.")] = 0,
    device: Device = "auto",
    simulated: Annotated[
        int, typer.Option("--simulated", min=0, help="Search on that many simulated cells instead.")
    ] = 0,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Try training settings and keep the best; cells that nscweb train holds out are never looked at.

    A search that was stopped goes on when the same command is given again. The result is a file for
    nscweb train --settings, and a table of all trials.
    """
    with running(as_json) as console:
        from nscweb.core.errors import WrongUse
        from nscweb.services.train import tune as tuning
        from nscweb.services.train.request import TuneRequest
        from nscweb.services.train.tune_files import BEST
        from nscweb.services.train.tune_space import SPACE, read_space

        if sampler not in ("gp", "tpe"):
            raise WrongUse(f"There is no sampler called {sampler!r}.", "Possible are gp and tpe.")
        request = TuneRequest(
            studies=tuple(studies or ()),
            architecture=architecture,
            out=out,
            trials=trials,
            sampler="tpe" if sampler == "tpe" else "gp",
            channels=listed(channels),
            labels=listed(labels),
            epochs=epochs,
            settings=assignments(settings or ()),
            recipe=assignments(recipe or ()),
            split_by=split_by,
            class_level=level_of(class_level),
            seed=seed,
            device=device,
            simulated=simulated,
            space=read_space(space) if space else dict(SPACE),
        )
        result = tuning.tune(console.open(data_dir), request, progress=console.progress)
        first, best = result.trials[0], result.best
        summary: dict[str, Any] = {
            "out": str(result.out),
            "trials": len(result.trials),
            "best_trial": best.number,
            "settings": result.settings,
            "validation_loss": best.loss,
            "validation_accuracy": best.accuracy,
            "validation_loss_of_default_settings": first.loss,
        }
        early = sum(row.state == "ended early" for row in result.trials)
        lines = [
            f"Best of {len(result.trials)} trials ({early} ended early): trial {best.number}, validation loss "
            f"{best.loss:.4f}; the default settings have {first.loss:.4f}.",
            ", ".join(f"{name} {value:.4g}" for name, value in best.point.items()),
            f"Train with them: nscweb train ... --architecture {architecture} --settings {result.out / BEST}",
        ]
        console.result(summary, "\n".join(lines))
