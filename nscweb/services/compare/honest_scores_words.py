"""Reliability and coverage as tables for files and as sentences for pages."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pandas as pd

from nscweb.core.timepoint import TimePoint

if TYPE_CHECKING:
    from nscweb.evaluation.scores.conformal import Coverage
    from nscweb.evaluation.scores.reliability import Reliability


def reliability_rows(found: list[Reliability]) -> pd.DataFrame:
    """One row per bin, for files: class, time_h, ece, ece_low, ece_high, by_chance, cells, score, share, low, high."""
    return pd.DataFrame(
        [
            {
                "class": item.class_name or "named class",
                "time_h": item.time_h,
                "ece": item.ece,
                "ece_low": item.low,
                "ece_high": item.high,
                "by_chance": item.by_chance,
                "cells": int(item.count[index]),
                "score": float(item.score[index]),
                "share": float(item.share[index]),
                "low": float(item.share_low[index]),
                "high": float(item.share_high[index]),
            }
            for item in found
            for index in range(len(item.count))
        ]
    )


def times_sentence(found: list[Reliability]) -> str:
    """How sure the model is at each time point; a fault at one can hide behind the opposite one at another."""
    parts = []
    for item in found:
        if item.time_h is not None:
            way = "too sure" if item.gap > 0 else "too careful"
            said = "no fault seen" if item.honest else f"{100 * abs(item.gap):.1f} points {way}"
            parts.append(f"{TimePoint(item.time_h).label()} {said}")
    return f"By time point: {', '.join(parts)}." if len(parts) > 1 else ""


def verdict(item: Reliability, found: list[Reliability]) -> str:
    """`Reliability.sentence`; where time points are wrong in opposite ways, it says which way at which time.

    Args:
        item: one of `found`.
        found: all of one model.
    """
    times = [one for one in found if one.time_h is not None]
    wrong = [one for one in times if not one.honest]
    if item.class_name or item.time_h is not None or len({one.gap > 0 for one in wrong}) < 2:
        return item.sentence
    first = wrong[0].gap > 0
    turns = sum((one.gap > 0) != (other.gap > 0) for one, other in pairwise(wrong))
    ways = {True: "too sure", False: "too careful"}
    early, late = (
        [TimePoint(one.time_h).label() for one in wrong if (one.gap > 0) is way and one.time_h is not None]
        for way in (first, not first)
    )
    # With one turn only, and nothing but faults after it, the rest is simply later.
    after = times[times.index(wrong[len(early)]) :] if turns == 1 else []
    rest = "later" if len(late) > 1 and all(one in wrong for one in after) else f"at {_listed(late)}"
    return item.sentence_with(f"It is {ways[first]} at {_listed(early)}, {ways[not first]} {rest}")


def at_their_word(item: Reliability, found: list[Reliability]) -> str:
    """Can the scores be read as they are? "yes", "no", or "not at every time point"."""
    if not item.honest:
        return "no"
    overall = not item.class_name and item.time_h is None
    faults = [one for one in found if one.time_h is not None and not one.honest]
    return "not at every time point" if overall and faults else "yes"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def coverage_sentence(coverage: Coverage | None, classes: tuple[str, ...], alpha: float) -> str:
    """What the promise came to, in words."""
    if coverage is None:
        return (
            "The promise could not be tried out on held-out samples of its own: a class has a single one. Take the "
            "error rate with care."
        )
    parts = [f"{name} {100 * kept:.1f} %" for name, kept in zip(classes, coverage.kept, strict=True)]
    return (
        f"Tried out on held-out samples that the thresholds did not know: promised {100 * (1 - alpha):.0f} %, "
        f"kept for {', '.join(parts)}."
    )
