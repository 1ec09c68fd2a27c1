"""``python -m nscweb.training``: training on a bare compute node, without the app, its catalogue or its packages.

Needs torch, NumPy, OpenCV, pyarrow and safetensors. The same training as ``nscweb train``, from a list of cell files or
from simulated cells. A run that was killed goes on when the same command is given again. Several GPUs, or several
CPUs: ``torchrun --nproc_per_node=2 -m nscweb.training ...``; all processes must see the same folders.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from nscweb.core.errors import NscwebError, WrongUse
from nscweb.core.recipe import InputRecipe
from nscweb.training.card_writer import CardText, refuse_existing_model
from nscweb.training.config import TrainConfig
from nscweb.training.data.cell_list import read_cell_list
from nscweb.training.data.dataset import TrainingData, classes_of, collect, read_cell_files
from nscweb.training.data.field_store import FILE
from nscweb.training.data.simulated import simulated_data
from nscweb.training.data.sizes import input_size_for
from nscweb.training.distributed import Team, team_of
from nscweb.training.make_model import help_train, train
from nscweb.training.options import config_of, parser
from nscweb.training.splits.plan import SplitPlan


def main(arguments: Sequence[str] | None = None, environment: Mapping[str, str] | None = None) -> int:
    """Train and write the model folder; 0 when done, 1 when refused, 2 for wrong use.

    Args:
        arguments: words after the command; those of this process when None.
        environment: where torchrun says which process this is; that of this process when None.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    given = parser(__doc__).parse_args(words)
    try:
        refuse_existing_model(given.out)
        config = config_of(given)
        with team_of(os.environ if environment is None else environment, config.device) as team:
            _trained(given, config, team, words)
    except NscwebError as error:
        sys.stderr.write(f"{error} [{error.code}]\n")
        return 2 if isinstance(error, WrongUse) else 1
    return 0


def _trained(given: argparse.Namespace, config: TrainConfig, team: Team, words: list[str]) -> None:
    shown = _Shown(quiet=not team.leads)
    data = _data(given, config, team, shown)
    # Several processes train one network together, not one per fold.
    folds = 1 if given.folds is None and team.size > 1 else given.folds
    plan = SplitPlan(given.split_by, given.validation, given.held_out, folds)
    if not team.leads:
        help_train(config, data, given.out, plan, team, given.pretrained_folder)
        team.wait()
        del data
        folder = _fields_folder(given, team)
        (folder / FILE).unlink(missing_ok=True)
        if folder.is_dir():
            folder.rmdir()
        return
    text = CardText(
        title=f"{given.out.name}: {', '.join(data.classes.names)}",
        summary=f"Trained in nscweb to tell {len(data.classes)} classes apart. {data.description}",
        command=shlex.join(["python", "-m", "nscweb.training", *words]),
        created_utc=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )
    card = train(
        config,
        data,
        given.out,
        text,
        plan=plan,
        progress=shown,
        team=team,
        pretrained_folder=given.pretrained_folder,
        checks=not given.no_checks,
    ).card
    team.wait()
    del data
    (given.out / FILE).unlink(missing_ok=True)
    accuracy = card.performance.metric("accuracy")
    if accuracy is not None:
        span = f"{accuracy.low:.3f} to {accuracy.high:.3f}"
        sys.stdout.write(f"{card.name}: accuracy on held-out cells {accuracy.value:.3f} ({span}).\n")


def _data(given: argparse.Namespace, config: TrainConfig, team: Team, shown: _Shown) -> TrainingData:
    field = (given.field, given.field)
    recipe = InputRecipe(field_px=field, resize=input_size_for(config.architecture, field))
    if given.simulated is not None:
        return simulated_data(given.simulated, config.seed, recipe, progress=shown)
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
        folder=_fields_folder(given, team),
        memory_limit=int(given.memory * 2**30),
    )


def _fields_folder(given: argparse.Namespace, team: Team) -> Path:
    """Where this process may put its prepared cells; every process makes its own."""
    folder: Path = given.out
    return folder if team.leads else folder / f"process-{team.rank}"


class _Shown:
    """Progress on standard error, a line every few seconds and one for each step."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._last, self._step, self._quiet = 0.0, "", quiet

    def __call__(self, done: int, total: int, step: str = "") -> None:
        now = time.monotonic()
        if self._quiet or (step == self._step and now - self._last < 5):
            return
        self._last, self._step = now, step
        sys.stderr.write(f"{step}: {done:,} of {total:,}\n" if total else f"{step}: {done:,}\n")


if __name__ == "__main__":
    sys.exit(main())
