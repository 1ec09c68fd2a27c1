"""How a training goes, as a file that a page reads while it runs, and how fast this computer trains."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from nscweb.store.files import atomic_write

if TYPE_CHECKING:
    from nscweb.services.context import App

LIVE, SPEEDS = "live.json", "speeds.json"
# Multiply-adds that a measurement of the speed may cost, counted forwards: a few seconds on two cores.
_MEASURED_MFLOP = 30_000.0
_MEASURED_CELLS = (8, 384)


@dataclass(frozen=True)
class Live:
    """A training as far as it has come.

    Attributes:
        history: one row per finished epoch, see `nscweb.training.loop.Trained`.
        epochs: planned at most; 0 when not known.
        cells: training cells of one epoch; 0 when not known.
    """

    history: list[dict[str, float]] = field(default_factory=list)
    epochs: int = 0
    cells: int = 0

    @property
    def best(self) -> dict[str, float] | None:
        """The row with the lowest validation loss."""
        return min(self.history, key=lambda row: row["validation_loss"]) if self.history else None

    @property
    def cells_per_second(self) -> float | None:
        """Of the last epoch, its look at the validation cells included."""
        seconds = self.history[-1].get("seconds", 0.0) if self.history else 0.0
        return self.cells / seconds if self.cells and seconds > 0 else None


class LiveWriter:
    """Takes each row of the history and keeps the file of a training up to date.

    Rows of an interrupted part stay until the same epoch comes again, so that a page that watches never sees the
    curves shrink.
    """

    def __init__(self, folder: Path, epochs: int, cells: int) -> None:
        self._path = folder / LIVE
        self._epochs, self._cells = epochs, cells
        self._rows = {int(row["epoch"]): row for row in read_live(folder).history}

    def __call__(self, row: dict[str, float]) -> None:
        """Write the file anew with one more row."""
        self._rows[int(row["epoch"])] = dict(row)
        history = [self._rows[epoch] for epoch in sorted(self._rows)]
        content = {"epochs": self._epochs, "cells": self._cells, "history": history}
        with atomic_write(self._path, durable=False) as stream:
            stream.write(json.dumps(content).encode())


def read_live(folder: Path) -> Live:
    """What `LiveWriter` wrote; nothing when there is no file yet."""
    content = _read(folder / LIVE)
    if not content:
        return Live()
    return Live(list(content["history"]), int(content["epochs"]), int(content["cells"]))


@dataclass(frozen=True)
class Speed:
    """Cells per second in training on this computer.

    Attributes:
        cells_per_second: shown to the network, with augmentation and the way back.
        measured_utc: ISO 8601.
        how: ``trained`` (a whole training), ``measured`` (a few steps) or ``scaled`` (from another network, by the
            work of both).
    """

    cells_per_second: float
    measured_utc: str
    how: str


def known_speed(app: App, architecture: str) -> Speed | None:
    """The last measurement of this network on this computer, else another network's scaled by the work of both."""
    table = _read(_speeds(app))
    found = table.get(_speed_key(app, architecture))
    if found:
        return Speed(float(found["cells_per_second"]), str(found["measured_utc"]), str(found["how"]))
    suffix = _speed_key(app, "")
    others = {key.removesuffix(suffix): row for key, row in table.items() if key.endswith(suffix)}
    if not others:
        return None
    from nscweb.services.training_plan import architecture_facts

    wanted = architecture_facts(architecture).mflop
    works = {name: architecture_facts(name).mflop for name in others}
    nearest = min(works, key=lambda name: max(works[name] / wanted, wanted / works[name]))
    row = others[nearest]
    return Speed(row["cells_per_second"] * works[nearest] / wanted, str(row["measured_utc"]), "scaled")


def keep_speed(app: App, architecture: str, cells_per_second: float, how: str) -> None:
    """Remember a measurement; the newest counts."""
    table = _read(_speeds(app))
    row = {"cells_per_second": cells_per_second, "measured_utc": app.clock(), "how": how}
    with atomic_write(_speeds(app)) as stream:
        text = json.dumps({**table, _speed_key(app, architecture): row}, indent=1)
        stream.write(text.encode())


def measure_speed(app: App, architecture: str) -> Speed:
    """Train a few steps on simulated cells and remember how fast it went. Takes seconds, for large networks more."""
    import numpy as np

    from nscweb.core.recipe import InputRecipe
    from nscweb.services.training_plan import architecture_facts
    from nscweb.training.config import TrainConfig
    from nscweb.training.data.simulated import simulated_data
    from nscweb.training.loop import fit
    from nscweb.training.splits.plan import Split

    facts = architecture_facts(architecture)
    least, most = _MEASURED_CELLS
    cells = int(min(most, max(least, _MEASURED_MFLOP / facts.mflop)))
    recipe = InputRecipe(field_px=(48, 48), resize=facts.input_size)
    data = simulated_data(cells + 6, 0, recipe)
    rows = np.arange(len(data))
    split = Split(rows[6:], rows[:6], rows[:0], "for a measurement")
    config = TrainConfig(architecture=architecture, epochs=2, batch=min(64, cells), threads=app.settings.threads)
    with TemporaryDirectory(prefix="nscweb-speed-") as folder:
        trained = fit(config, data, split, Path(folder))
    # The first epoch also pays for starting up.
    speed = Speed(len(split.train) / max(1e-6, trained.history[-1]["seconds"]), app.clock(), "measured")
    keep_speed(app, architecture, speed.cells_per_second, speed.how)
    return speed


def mean_speed(history: Sequence[dict[str, float]], cells: int) -> float | None:
    """Cells per second over all epochs but the first, which pays for starting up; None before the second."""
    seconds = sum(row.get("seconds", 0.0) for row in history[1:])
    return (len(history) - 1) * cells / seconds if len(history) > 1 and seconds > 0 else None


def _speed_key(app: App, architecture: str) -> str:
    """A data folder may be opened on several computers."""
    return f"{architecture}|{platform.node()}|{os.cpu_count()}|{app.settings.threads or 0}"


def _speeds(app: App) -> Path:
    return app.folder.root / "training" / SPEEDS


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
