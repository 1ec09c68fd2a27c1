"""Fast mode: whole numbers of 8 bit for all cells, and a second look in full precision at close calls.

A quantised network shifts scores by about a hundredth, which changes the label of a cell only where its two best
classes are nearly equal. Such cells are few, so they go through the exact network again. How near is near is learned
from cells, and whether the result is good enough is checked on others (`fast_check`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nscweb.core import rules
from nscweb.core.card import CardEntry
from nscweb.core.errors import ModelError, WeightsInvalid
from nscweb.inference.export_files import export_record, read_export, write_export
from nscweb.inference.fast_check import compare, too_few
from nscweb.inference.onnx_backend import OnnxClassifier, Outputs
from nscweb.inference.onnx_export import PROBABILITIES
from nscweb.inference.onnx_session import open_session, run_session
from nscweb.inference.quantise import WEIGHT_BITS, quantised_bytes

Floats = NDArray[np.float32]
FAST_FILE = "model.int8.onnx"
_COVERED = 0.98
_ROOM = 1.1


class FastClassifier(OnnxClassifier):
    """The 8-bit network for all cells, the exact one for cells whose two best scores lie within the margin."""

    mode = "fast"
    precision_in_words = "int8, close calls again in float32"

    def __init__(
        self,
        entry: CardEntry,
        exact: dict[str, Any],
        fast: dict[str, Any],
        *,
        threads: int | None = None,
        batch: int | None = None,
    ) -> None:
        super().__init__(entry, exact, threads=threads, batch=batch)
        # Forms of earlier versions have weights of 8 bit, whose sums overflow on processors without VNNI.
        safe = int(fast.get("weight_bits", 8)) <= WEIGHT_BITS
        self._quick = open_session(read_export(entry, fast), wide_sums=not safe)
        self._margin = float(fast["margin"])

    def _outputs(self, inputs: Floats, names: Sequence[str]) -> Outputs:
        wanted = names if PROBABILITIES in names else [PROBABILITIES, *names]
        found = run_session(self._quick, inputs, wanted)
        if not np.isfinite(found[PROBABILITIES]).all():
            raise WeightsInvalid(f"The fast mode of {self.card.name} gave scores that are not numbers.")
        close = np.flatnonzero(margins(found[PROBABILITIES]) < self._margin)
        if len(close):
            for name, values in super()._outputs(inputs[close], wanted).items():
                found[name][close] = values
        return found


def margins(probabilities: Floats) -> Floats:
    """(N,) distance of the best score (N, K) from the second best."""
    if probabilities.shape[1] < 2:
        return np.ones(len(probabilities), np.float32)
    best = np.partition(probabilities, -2, axis=1)
    return np.asarray(best[:, -1] - best[:, -2], np.float32)


def choose_margin(exact: Floats, quick: Floats) -> float:
    """Margin below which a cell is looked at again, from scores (N, K) of both networks on the same cells.

    A label can only change where the quick margin is smaller than the change of the margin itself; the value covers
    that change for 98 of 100 cells, with some room.
    """
    order = np.argsort(quick, axis=1)
    rows = np.arange(len(quick))
    first, second = order[:, -1], order[:, -2]
    change = np.abs((exact[rows, first] - exact[rows, second]) - (quick[rows, first] - quick[rows, second]))
    return float(np.quantile(change, _COVERED) * _ROOM)


def export_fast(entry: CardEntry, calibration: Floats, check: Floats) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """Write ``model.int8.onnx`` when it passes its check.

    Args:
        entry: a model with a usable ONNX export in its card.
        calibration: prepared inputs (N, C, H, W) from which ranges and the margin are learned.
        check: others, on which the mode is judged.

    Returns:
        What the card should keep of the export, None when it is not offered, and the figures of the check.
    """
    count = min(len(calibration), len(check))
    if count < rules.FAST_LEAST_CELLS:
        return None, {"passed": False, "reason": too_few(count)}
    plain = read_export(entry, entry.card.exports["onnx"])
    session = open_session(plain)
    exact_known, exact = _scores(session, calibration), _scores(session, check)
    figures: dict[str, Any] = {}
    for percentile in (None, 99.99):
        try:
            data = quantised_bytes(plain, calibration, percentile)
            quick = open_session(data)
        except (ModelError, WeightsInvalid) as error:
            figures = figures or {"passed": False, "reason": str(error)}
            break
        margin = choose_margin(exact_known, _scores(quick, calibration))
        fast = _scores(quick, check)
        again = margins(fast) < margin
        figures = compare(exact, np.where(again[:, None], exact, fast), float(again.mean())).as_dict()
        figures["agreement_without_second_look"] = round(float(np.mean(fast.argmax(axis=1) == exact.argmax(axis=1))), 5)
        if figures["passed"]:
            write_export(entry.folder / FAST_FILE, data)
            record = export_record(entry, data, FAST_FILE, figures)
            record.update(kind="int8", weight_bits=WEIGHT_BITS, margin=float(f"{margin:.4g}"))
            return record, figures
    return None, figures


def _scores(session: Any, inputs: Floats, batch: int = 64) -> Floats:
    parts = [
        run_session(session, inputs[start : start + batch], [PROBABILITIES])[PROBABILITIES]
        for start in range(0, len(inputs), batch)
    ]
    return np.concatenate(parts)
