"""Reliability and coverage as tables for files and as sentences for pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from nscweb.core.timepoint import TimePoint

if TYPE_CHECKING:
    from nscweb.evaluation.calibration import Reliability
    from nscweb.evaluation.conformal import Coverage


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
            honest = item.low <= item.by_chance or item.ece < 0.01
            said = "no fault seen" if honest else f"{100 * abs(item.gap):.1f} points {way}"
            parts.append(f"{TimePoint(item.time_h).label()} {said}")
    return f"By time point: {', '.join(parts)}." if len(parts) > 1 else ""


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
