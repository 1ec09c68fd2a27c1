"""Sentences about the cells of known class behind a correction: what their number costs, what their scores allow."""

from __future__ import annotations

from collections.abc import Sequence

from nscweb.core.rules import CELLS_OF_A_SAMPLE, EM_MOST_OFF, per_cent
from nscweb.core.timepoint import TimePoint
from nscweb.evaluation.ratios.calibrated import Honesty
from nscweb.evaluation.ratios.corrected import joined
from nscweb.evaluation.ratios.more_cells import MoreCells
from nscweb.words.numbers import count

# Of the width of an interval, 0 to 1; less is hardly worth labelling cells for.
_HARDLY = 0.01
_REST = "what is left comes from the cells of the sample and from how much samples differ"


def more_cells(found: MoreCells | None) -> str:
    """What more held-out cells would be worth to the samples of a run; "" without a correction."""
    if found is None:
        return ""
    return f"With {_behind(found)}, the interval of a sample is {_points(found.now)} wide on average; {_worth(found)}."


def more_cells_of_model(found: Sequence[MoreCells]) -> str:
    """The same for the card of a model, for a sample like those it may be asked about; "" where nothing is known."""
    if not found:
        return ""
    fewest, most = min(item.fewest for item in found), max(item.most for item in found)
    behind = MoreCells(fewest, most, found[0].more, 0.0, 0.0)
    first = (
        f"In a sample of {CELLS_OF_A_SAMPLE:,} cells, as many of each class, the interval of a ratio is "
        f"{joined([f'{_points(item.now)} wide{_moment(item.times_h)}' for item in found])}, with {_behind(behind)}."
    )
    added = f"{behind.more:,} more labelled cells of each class"
    if all(item.now - item.then < _HARDLY for item in found):
        return f"{first} {added} would hardly narrow it: {_REST}."
    narrowed = [f"{_points(item.then)}{_moment(item.times_h)}" for item in found]
    return f"{first} With {added} it would shrink to {joined(narrowed)}."


def em_of_model(found: Sequence[tuple[float | None, Honesty]]) -> str:
    """Whether maximum likelihood may be used with the scores of a model; hours or None beside each judgement."""
    if not found:
        return ""
    bad = [(hours, item) for hours, item in found if not item.usable]
    mended = [(hours, item) for hours, item in found if item.usable and item.calibration is not None]
    if bad:
        said = joined([f"{100 * item.left:.0f} points{_moment(hours)}" for hours, item in bad])
        return (
            "Maximum likelihood (EM) is not offered: it believes each score, and on known mixtures of the held-out "
            f"cells it would be off by up to {said} even after calibration, more than {per_cent(EM_MOST_OFF)}. Use "
            "mean scores (PACC), which need no honest scores."
        )
    if mended:
        said = joined([f"{100 * item.fault:.0f} points{_moment(hours)}" for hours, item in mended])
        return (
            f"Maximum likelihood (EM) would be off by up to {said} on known mixtures of the held-out cells with these "
            "scores as they are, so it calibrates them on the held-out cells first. Mean scores (PACC) need no honest "
            "scores."
        )
    most = max(item.fault for _, item in found)
    return (
        f"Maximum likelihood (EM) can be used with these scores: on known mixtures of the held-out cells it is off by "
        f"{100 * most:.0f} points at most."
    )


def _behind(found: MoreCells) -> str:
    if found.fewest == found.most:
        return f"{count(found.fewest, 'held-out cell')} of each class"
    return f"{found.fewest:,} to {count(found.most, 'held-out cell')} of a class"


def _worth(found: MoreCells) -> str:
    added = f"{found.more:,} more labelled cells of each class"
    if found.now - found.then < _HARDLY:
        return f"{added} would hardly narrow it ({_points(found.then)}): {_REST}"
    return f"with {added} it would shrink to {_points(found.then)}"


def _points(width: float) -> str:
    return f"{100 * width:.1f} points" if width < 0.1 else f"{100 * width:.0f} points"


def _moment(hours: float | None) -> str:
    return "" if hours is None else f" at {TimePoint(hours).label()}"
