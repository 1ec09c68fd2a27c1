"""Which backend, how many threads and how many cells per pass: measured once on this machine, then remembered.

Parameter counts and rules of thumb do not predict it, so the first larger prediction times a few choices for less than
three seconds in all. Deleting the file with the results measures again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nscweb.core.card import CardEntry
from nscweb.core.errors import WrongUse
from nscweb.core.plain import from_plain, to_plain
from nscweb.inference.batches import default_batch
from nscweb.inference.classifier import Classifier
from nscweb.inference.machine import keep_speed, read_speeds, speed_key, usable_cpus

Backend = Literal["torch", "onnx"]
SECONDS = 2.5
# Another choice than the usual one must be this much quicker, because a busy machine measures badly.
WORTH = 1.1


@dataclass(frozen=True)
class Choice:
    """How a network is run.

    Attributes:
        backend: ``torch`` or ``onnx``.
        threads: processor threads.
        batch: cells per pass.
        cells_per_second: as measured, without preparing the images; 0 when it was not measured.
    """

    backend: Backend
    threads: int
    batch: int
    cells_per_second: float = 0.0


@dataclass(frozen=True)
class Tuning:
    """Where measured choices are kept, and whether there is enough work to measure for.

    Attributes:
        path: JSON file in the data folder.
        timer: seconds of a clock that never goes back.
        measure: False takes what was measured before, or the usual choice.
    """

    path: Path
    timer: Callable[[], float]
    measure: bool = True


def usual_choice(entry: CardEntry, has_onnx: bool, threads: int | None) -> Choice:
    """What is taken without measuring, and what others are measured against."""
    return Choice("onnx" if has_onnx else "torch", threads or usable_cpus(), default_batch(entry.card))


def choices(usual: Choice, threads: int | None) -> list[Choice]:
    """The usual choice first, then others worth timing: one thread, smaller batches, torch."""
    found = [usual]
    smaller = max(2, usual.batch // 4)
    if usual.batch > smaller:
        found.append(Choice(usual.backend, usual.threads, smaller))
    if threads is None and usual.threads > 1:
        found.append(Choice(usual.backend, max(1, usual.threads // 2), usual.batch))
    if usual.backend == "onnx":
        found.append(Choice("torch", usual.threads, usual.batch))
    return found


def tuned_choice(
    entry: CardEntry,
    usual: Choice,
    threads: int | None,
    tuning: Tuning,
    make: Callable[[Choice], Classifier],
    inputs: NDArray[np.float32],
    mode: str,
) -> Choice:
    """The choice that was or is now measured to be the quickest.

    Args:
        usual: taken when nothing is measured.
        threads: fixed by the user, or None.
        make: opens the model in one way.
        inputs: prepared cells (n, C, H, W) to time with; repeated as needed.
        mode: ``exact`` or ``fast``.
    """
    key = speed_key(entry, mode, threads)
    known = read_choices(tuning.path).get(key)
    if known is not None:
        return known
    if not tuning.measure:
        return usual
    options = [choice for choice in choices(usual, threads) if mode == "exact" or choice.backend == usual.backend]
    best = measure(options, make, inputs, tuning.timer)
    keep_speed(tuning.path, key, to_plain(best))
    return best


def measure(
    options: Sequence[Choice],
    make: Callable[[Choice], Classifier],
    inputs: NDArray[np.float32],
    timer: Callable[[], float],
    seconds: float = SECONDS,
) -> Choice:
    """The quickest of `options`, whose first is kept unless another is clearly quicker."""
    timed: list[Choice] = []
    began = timer()
    for option in options:
        if timed and timer() - began > seconds:
            break
        cells = np.resize(inputs, (option.threads * option.batch * 2, *inputs.shape[1:]))
        classifier = make(option)
        start = timer()
        classifier.predict_prepared(cells[: option.batch])  # the first pass allocates and is slow
        first = timer() - start
        done, spent = option.batch, first
        # One slow pass is enough of a network that is so large.
        if first < seconds / len(options):
            done, start = 0, timer()
            while not done or timer() - start < seconds / (2 * len(options)):
                classifier.predict_prepared(cells)
                done += len(cells)
            spent = timer() - start
        timed.append(Choice(option.backend, option.threads, option.batch, round(done / max(spent, 1e-9), 1)))
    best = max(timed, key=lambda choice: choice.cells_per_second)
    return best if best.cells_per_second > WORTH * timed[0].cells_per_second else timed[0]


def read_choices(path: Path) -> dict[str, Choice]:
    """Key -> choice of what was measured before; a damaged entry counts as not measured."""
    found = {key: _choice(value) for key, value in read_speeds(path).items()}
    return {key: choice for key, choice in found.items() if choice is not None}


def _choice(value: Any) -> Choice | None:
    try:
        choice = from_plain(Choice, value, "The measured speed")
    except WrongUse:
        return None
    sane = 1 <= choice.threads <= 1024 and 1 <= choice.batch <= 4096
    return choice if sane and math.isfinite(choice.cells_per_second) else None
