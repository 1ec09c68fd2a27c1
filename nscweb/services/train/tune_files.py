"""What a search leaves in its folder: best settings and facts as JSON, the table of trials as CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nscweb.store.files import atomic_write

BEST, FACTS, TRIALS = "best.json", "search.json", "trials.csv"


@dataclass(frozen=True)
class TrialRow:
    """One finished trial.

    Attributes:
        number: from 1.
        state: ``finished``, ``ended early`` (it was worse than half of the others at the same epoch) or
            ``diverged`` (the loss was no longer a number).
        point: the settings that were tried.
        loss, accuracy: on validation cells at the best epoch; accuracy 0..1.
        best_epoch, epochs: from 1.
        seconds: of training.
    """

    number: int
    state: str
    point: dict[str, float | int]
    loss: float
    accuracy: float
    best_epoch: int
    epochs: int
    seconds: float


@dataclass(frozen=True)
class TuneResult:
    """A search as it stands.

    Attributes:
        trials: in order; the first has the default settings.
        best: the one with the lowest validation loss.
        settings: of the best one, as ``nscweb train --settings`` reads them from `BEST`.
        out: folder with `BEST`, `FACTS` and `TRIALS`.
    """

    trials: tuple[TrialRow, ...]
    best: TrialRow
    settings: dict[str, Any]
    out: Path


def read_trials(out: Path) -> list[dict[str, str]]:
    """The table of trials of a search as it stands, [] before its first trial."""
    path = out / TRIALS
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def write_search(
    out: Path, architecture: str, rows: Sequence[TrialRow], settings: Mapping[str, Any], told: Mapping[str, Any]
) -> None:
    """Write the three files anew, each complete or not at all.

    Args:
        rows: every finished trial.
        settings: of the best one.
        told: what else to say of the search.
    """
    best = best_of(rows)
    facts = {
        **told,
        "architecture": architecture,
        "trials": len(rows),
        "best_trial": best.number,
        "validation_loss": best.loss,
        "validation_accuracy": best.accuracy,
        "validation_loss_of_default_settings": rows[0].loss,
    }
    for name, content in ((BEST, settings), (FACTS, facts)):
        with atomic_write(out / name) as stream:
            stream.write((json.dumps(dict(content), indent=1) + "\n").encode())
    with atomic_write(out / TRIALS) as stream:
        stream.write(_table(rows).encode())


def best_of(rows: Sequence[TrialRow]) -> TrialRow:
    """The trial with the lowest validation loss; the first of several."""
    return min(rows, key=lambda row: row.loss)


def _table(rows: Sequence[TrialRow]) -> str:
    names = list(rows[0].point)
    text = io.StringIO()
    measured = ["validation_loss", "validation_accuracy", "best_epoch", "epochs", "seconds", "best_so_far"]
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["trial", "state", *names, *measured])
    least = float("inf")
    for row in rows:
        least = min(least, row.loss)
        point = [f"{row.point[name]:.6g}" for name in names]
        writer.writerow(
            [
                row.number,
                row.state,
                *point,
                f"{row.loss:.6g}",
                f"{row.accuracy:.6g}",
                row.best_epoch,
                row.epochs,
                f"{row.seconds:.6g}",
                f"{least:.6g}",
            ]
        )
    return text.getvalue()
