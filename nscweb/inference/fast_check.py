"""Whether fast mode may be offered: answers and speed beside those of the exact network, judged by `core.rules`.

The card says how the 8-bit form did where it was made. Kernels of whole numbers differ between processors, in speed
most of all, so it is measured again on the machine that predicts: once, for these weights, this processor and this
version of the runtime. Pages read the result, so nothing here imports torch.
"""

from __future__ import annotations

import io
import math
import statistics
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nscweb.core import rules
from nscweb.core.card import CardEntry
from nscweb.inference.export_files import write_export
from nscweb.inference.machine import keep_speed, read_speeds, speed_key

Floats = NDArray[np.float32]
CHECK_CELLS = 2_000
CHECK_FILE = "fast_check.npz"
# Of prepared cells that are kept beside a card, before packing.
_MOST_BYTES = 64_000_000
_SECONDS = 30.0
_TIMED_TURNS = 5
_PER_TURN = 200
_MODE = "fast check"


class Scorer(Protocol):
    """What a classifier is here."""

    def predict_prepared(self, inputs: Floats) -> Floats:
        """Probabilities (n, K) of prepared inputs (n, C, H, W)."""
        ...


@dataclass(frozen=True)
class FastCheck:
    """How fast mode compares with the exact network on the same cells.

    Attributes:
        cells: compared.
        agreement: share of cells with the same label.
        share_difference: largest difference of a fate ratio, 0..1.
        second_looks: share of cells that were looked at twice; 0 where that was not counted.
        speedup: times the speed of exact mode; None where it was not measured.
        reason: why the mode is not offered, a sentence; "" when it is.
    """

    cells: int
    agreement: float
    share_difference: float
    second_looks: float = 0.0
    speedup: float | None = None
    reason: str = ""

    @property
    def passed(self) -> bool:
        """Whether fast mode may be offered as far as this was measured."""
        return not self.reason

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON; `check_from_dict` reads it back."""
        return {
            "passed": self.passed,
            "cells": self.cells,
            "agreement": round(self.agreement, 5),
            "largest_share_difference": round(self.share_difference, 5),
            "second_looks": round(self.second_looks, 4),
            **({} if self.speedup is None else {"speedup": round(self.speedup, 2)}),
            **({"reason": self.reason} if self.reason else {}),
        }


def compare(exact: Floats, fast: Floats, second_looks: float = 0.0) -> FastCheck:
    """Judge fast scores (N, K) by the exact ones on the same cells."""
    labels, others = exact.argmax(axis=1), fast.argmax(axis=1)
    cells, classes = exact.shape
    changed = int(np.sum(labels != others))
    counts = [np.bincount(found, minlength=classes) for found in (labels, others)]
    # Counts are whole numbers, so that a difference that lies on the limit is allowed on every machine.
    apart = int(np.abs(counts[0] - counts[1]).max())
    reason = ""
    if changed > _most(1 - rules.FAST_LEAST_AGREEMENT, cells):
        reason = (
            f"The fast network gives another label to {_percent(changed / cells)} of {cells:,} cells; "
            f"{_percent(1 - rules.FAST_LEAST_AGREEMENT)} is allowed."
        )
    elif apart > _most(rules.FAST_LARGEST_RATIO_SHIFT, cells):
        reason = (
            f"The fast network shifts a fate ratio by {apart / cells * 100:.2f} points; "
            f"{rules.FAST_LARGEST_RATIO_SHIFT * 100:.2f} points are allowed."
        )
    elif second_looks > rules.FAST_MOST_SECOND_LOOKS:
        reason = f"The exact network would have to look again at {second_looks:.0%} of the cells, which saves no time."
    return FastCheck(cells, 1 - changed / cells, apart / cells, second_looks, None, reason)


def measure_here(
    exact: Scorer, fast: Scorer, inputs: Floats, timer: Callable[[], float], *, at_once: int = 0
) -> FastCheck:
    """Answers and speed of both networks in turns of the same cells, so that a busy moment slows both.

    Turns go on until every cell was seen and enough were timed, or for half a minute where the network is so large.

    Args:
        inputs: prepared cells (N, C, H, W).
        timer: seconds of a clock that never goes back.
        at_once: cells that keep every thread at work, the least of a turn.
    """
    if len(inputs) < rules.FAST_LEAST_CELLS:
        return FastCheck(len(inputs), 0.0, 0.0, reason=too_few(len(inputs)))
    per_turn = max(at_once, _PER_TURN)
    starts = range(0, len(inputs), per_turn)
    for scorer in (exact, fast):
        scorer.predict_prepared(inputs[:per_turn])  # the first pass allocates and is slow
    scores: tuple[list[Floats], list[Floats]] = ([], [])
    ratios: list[float] = []
    began, turn = timer(), 0
    while turn < len(starts) or len(ratios) < _TIMED_TURNS:
        if turn * per_turn >= rules.FAST_LEAST_CELLS and ratios and timer() - began > _SECONDS:
            break
        start = starts[turn % len(starts)]
        part = inputs[start : start + per_turn]
        first = timer()
        one = exact.predict_prepared(part)
        second = timer()
        other = fast.predict_prepared(part)
        third = timer()
        ratios.append((second - first) / max(third - second, 1e-9))
        if turn < len(starts):
            scores[0].append(one)
            scores[1].append(other)
        turn += 1
    found = replace(
        compare(np.concatenate(scores[0]), np.concatenate(scores[1])), speedup=float(statistics.median(ratios))
    )
    return replace(found, reason=found.reason or too_slow(found.speedup))


def too_few(cells: int) -> str:
    """Why so few cells cannot vouch for fast mode, a sentence."""
    return f"There are {cells} cells to check the fast mode with; it takes {rules.FAST_LEAST_CELLS}."


def too_slow(speedup: float | None) -> str:
    """Why a mode of that speed is not offered, a sentence; "" when it is quick enough or was not timed."""
    if speedup is None or speedup >= rules.FAST_LEAST_SPEEDUP:
        return ""
    return (
        f"On this machine fast mode is {speedup:.2f} times as quick as exact mode, and it is offered from "
        f"{rules.FAST_LEAST_SPEEDUP:g} times on."
    )


def known_check(path: Path, entry: CardEntry, threads: int | None) -> FastCheck | None:
    """What was measured on this machine for these weights; None where nothing was.

    Args:
        path: file of measured speeds in the data folder.
        threads: fixed by the user, or None.
    """
    return check_from_dict(read_speeds(path).get(speed_key(entry, _MODE, threads)))


def keep_check(path: Path, entry: CardEntry, threads: int | None, check: FastCheck) -> None:
    """Remember what was measured on this machine; see `known_check`."""
    keep_speed(path, speed_key(entry, _MODE, threads), check.as_dict())


def check_from_dict(data: Any) -> FastCheck | None:
    """Read what `FastCheck.as_dict` wrote; None for anything else."""
    try:
        found = FastCheck(
            int(data["cells"]),
            float(data["agreement"]),
            float(data["largest_share_difference"]),
            float(data["second_looks"]),
            float(data["speedup"]),
            "" if data["passed"] is True else str(data["reason"]),
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    numbers = (found.agreement, found.share_difference, found.second_looks, found.speedup or 0.0)
    return found if all(math.isfinite(number) for number in numbers) else None


def write_check_cells(entry: CardEntry, inputs: Floats) -> None:
    """Keep prepared cells (N, C, H, W) beside a card, from which other machines measure fast mode."""
    each = max(1, int(np.prod(inputs.shape[1:])) * 2)
    some = inputs[: min(CHECK_CELLS, max(rules.FAST_LEAST_CELLS, _MOST_BYTES // each))]
    packed = io.BytesIO()
    np.savez_compressed(packed, input=some.astype(np.float16))
    write_export(entry.folder / CHECK_FILE, packed.getvalue())


def read_check_cells(entry: CardEntry) -> Floats | None:
    """What `write_check_cells` kept; None where there is nothing, or nothing that fits the card."""
    try:
        with np.load(entry.folder / CHECK_FILE, allow_pickle=False) as arrays:
            inputs = np.asarray(arrays["input"], np.float32)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile, EOFError):
        return None
    return inputs if inputs.ndim == 4 and inputs.shape[1:] == entry.card.input_shape else None


def _most(share: float, cells: int) -> int:
    """The largest number of cells within a share of all; a share that is a hair short of a cell still holds it."""
    return math.floor(share * cells + 1e-6)


def _percent(share: float) -> str:
    return f"{share * 100:.2f} %"
