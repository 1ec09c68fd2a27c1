"""`nscweb train`: a new model from imported studies with true classes."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

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
from nscweb.core.card import ModelCard


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("train")(train)


def train(
    out: Annotated[Path, typer.Option("--out", help="Folder of the new model; its last part names the model.")],
    studies: LabelledStudies = None,
    architecture: Architecture = "compact",
    channels: Channels = "",
    labels: LabelWays = "",
    split_by: Annotated[
        str,
        typer.Option(
            "--split-by",
            help="What is never split between training and held-out cells: sample, replicate, donor, day, "
            "instrument, time, group; or cell, whose figures are too good.",
        ),
    ] = "",
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="A training setting, for example --set mixup=0.2 or --set augment.blur=0; can be repeated."
        ),
    ] = None,
    settings_file: Annotated[
        Path | None, typer.Option("--settings", help="JSON of training settings, for example what nscweb tune found.")
    ] = None,
    recipe: Recipe = None,
    folds: Annotated[
        int | None,
        typer.Option(
            "--folds",
            min=0,
            help="Every cell trains, and each is judged by one of so many networks that never saw its group; 0: one "
            "group at a time; 1: a part is held out and never trains. Chosen by the number of cells; --settings: 1.",
        ),
    ] = None,
    compare_splits: Annotated[
        bool,
        typer.Option("--compare-splits", help="Also show how much too good a random split by cell would have looked."),
    ] = False,
    class_level: ClassFrom = "auto",
    epochs: Annotated[int | None, typer.Option("--epochs", help="At most; it stops earlier by itself.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="The same seed and machine give the same weights.")] = 0,
    device: Device = "auto",
    simulated: Annotated[
        int, typer.Option("--simulated", min=0, help="Train on that many simulated cells instead of studies.")
    ] = 0,
    licence: Annotated[
        str, typer.Option("--licence", help="Licence of the images, kept in the card.")
    ] = "not stated; follows the images that it was trained on",
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Train a model, measure it on samples that it has never seen, and write a folder with a complete card.

    A training that was stopped goes on from its last epoch when the same command is given again.
    """
    with running(as_json) as console:
        from nscweb.services.models import model_summary
        from nscweb.services.train.request import TrainRequest
        from nscweb.services.train.train import train_model

        opened = console.open(data_dir)
        threads = opened.settings.threads
        request = TrainRequest(
            studies=tuple(studies or ()),
            architecture=architecture,
            out=out,
            channels=listed(channels),
            labels=listed(labels),
            epochs=epochs,
            settings=assignments(settings or (), settings_file),
            recipe=assignments(recipe or ()),
            split_by=split_by,
            # Settings of a search were chosen by all cells but the held-out part, which alone can judge them.
            folds=1 if folds is None and settings_file is not None else folds,
            compare_splits=compare_splits,
            class_level=level_of(class_level),
            seed=seed,
            device=device,
            simulated=simulated,
            # The number of threads is part of what makes weights repeatable to the last digit.
            command=(f"NSCWEB_THREADS={threads} " if threads else "") + "nscweb " + shlex.join(sys.argv[1:]),
            licence=licence,
        )
        entry = train_model(opened, request, progress=console.progress)
        summary = {**model_summary(entry), "split": entry.card.origin.split, "seconds": entry.card.origin.seconds}
        accuracy = summary["accuracy"]
        lines = [f"The model {entry.card.name} is in {entry.folder}.", entry.card.origin.split]
        if accuracy:
            lines.append(
                f"Accuracy on held-out cells: {accuracy['value']:.3f} "
                f"({accuracy['low']:.3f} to {accuracy['high']:.3f})."
            )
        lines += further_lines(entry.card)
        summary["audit"] = {"passed": entry.card.audit.get("passed"), "sentence": entry.card.audit.get("sentence")}
        summary["baseline"] = entry.card.audit.get("baseline", {})
        console.result(summary, "\n".join(lines))


def further_lines(card: ModelCard) -> list[str]:
    """What else a person should read about a new model."""
    validated = card.performance.curves.get("cross_validation", {}).get("summary", {}).get("sentence")
    said = [validated, card.audit.get("gap", {}).get("sentence"), card.audit.get("sentence")]
    said += [card.audit.get(name, {}).get("sentence") for name in ("baseline", "duplicates")]
    return [str(sentence) for sentence in said if sentence]
