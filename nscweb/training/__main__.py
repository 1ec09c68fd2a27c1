"""``python -m nscweb.training``: training on a bare compute node, without the app, its catalogue or its packages.

Needs torch, NumPy, OpenCV, pyarrow and safetensors. The same training as ``nscweb train``, from a list of cell files or
from simulated cells. A run that was killed goes on when the same command is given again.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from nscweb.core.errors import NscwebError, WrongUse
from nscweb.core.recipe import InputRecipe
from nscweb.models.architectures import ARCHITECTURES
from nscweb.training.card_writer import CardText, refuse_existing_model
from nscweb.training.cell_list import read_cell_list
from nscweb.training.config import TrainConfig
from nscweb.training.dataset import TrainingData, classes_of, collect, read_cell_files
from nscweb.training.run import train
from nscweb.training.simulated import RECIPE, simulated_data


def parser() -> argparse.ArgumentParser:
    """The options of the command."""
    made = argparse.ArgumentParser(prog="python -m nscweb.training", description=__doc__)
    source = made.add_mutually_exclusive_group(required=True)
    source.add_argument("--cells", type=Path, metavar="LIST.json", help="list of labelled cell files")
    source.add_argument("--simulated", type=int, metavar="N", help="train on N simulated cells")
    made.add_argument(
        "--out", type=Path, required=True, help="folder of the new model; its last part is its name"
    )
    made.add_argument("--architecture", choices=list(ARCHITECTURES), default="compact")
    made.add_argument("--optimiser", choices=["adamw", "adam"], default=TrainConfig.optimiser)
    made.add_argument("--learning-rate", type=float, default=TrainConfig.learning_rate)
    made.add_argument("--epochs", type=int, default=TrainConfig.epochs)
    made.add_argument("--batch", type=int, default=TrainConfig.batch)
    made.add_argument("--patience", type=int, default=TrainConfig.patience)
    made.add_argument("--seed", type=int, default=0)
    made.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    made.add_argument("--threads", type=int)
    made.add_argument("--precision", choices=["auto", "float32", "bfloat16"], default="auto")
    made.add_argument("--field", type=int, default=RECIPE.resize[0], help="side of the field in pixels")
    made.add_argument("--split-by", choices=["sample", "cell"], default="sample")
    made.add_argument("--licence", default="not stated; follows the images that it was trained on")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Train and write the model folder; 0 when done, 1 when refused, 2 for wrong use."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    given = parser().parse_args(words)
    shown = _Shown()
    try:
        refuse_existing_model(given.out)
        config = TrainConfig(
            architecture=given.architecture,
            epochs=given.epochs,
            batch=given.batch,
            optimiser=given.optimiser,
            learning_rate=given.learning_rate,
            patience=given.patience,
            seed=given.seed,
            device=given.device,
            threads=given.threads,
            precision=given.precision,
        )
        data = _data(given, shown)
        text = CardText(
            title=f"{given.out.name}: {', '.join(data.classes.names)}",
            summary=f"Trained in nscweb to tell {len(data.classes)} classes apart. {data.description}",
            command=shlex.join(["python", "-m", "nscweb.training", *words]),
            created_utc=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            uses=("Cells recorded and prepared like those that it was trained on.",),
        )
        entry = train(config, data, given.out, text, split_by=given.split_by, progress=shown)
    except NscwebError as error:
        sys.stderr.write(f"{error} [{error.code}]\n")
        return 2 if isinstance(error, WrongUse) else 1
    accuracy = entry.card.performance.metric("accuracy")
    if accuracy is not None:
        span = f"{accuracy.low:.3f} to {accuracy.high:.3f}"
        sys.stdout.write(f"{entry.card.name}: accuracy on held-out cells {accuracy.value:.3f} ({span}).\n")
    return 0


def _data(given: argparse.Namespace, shown: _Shown) -> TrainingData:
    side = given.field
    recipe = InputRecipe(
        field_px=(side, side), resize=(max(ARCHITECTURES[given.architecture].default_input),) * 2
    )
    if given.simulated is not None:
        return simulated_data(given.simulated, given.seed, recipe, progress=shown)
    sources, simulated, description = read_cell_list(given.cells)
    classes = classes_of(sources)
    return collect(
        read_cell_files(sources, classes),
        classes,
        recipe,
        simulated=simulated,
        description=description,
        licence=given.licence,
        progress=shown,
    )


class _Shown:
    """Progress on standard error, a line every few seconds and one for each step."""

    def __init__(self) -> None:
        self._last, self._step = 0.0, ""

    def __call__(self, done: int, total: int, step: str = "") -> None:
        now = time.monotonic()
        if step == self._step and now - self._last < 5:
            return
        self._last, self._step = now, step
        sys.stderr.write(f"{step}: {done:,} of {total:,}\n" if total else f"{step}: {done:,}\n")


if __name__ == "__main__":
    sys.exit(main())
