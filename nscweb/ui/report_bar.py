"""How far a file is: a bar with the step, what is done, its speed and the time left."""

from __future__ import annotations

import time
from collections.abc import Callable

import streamlit as st

from nscweb.core.progress import Progress
from nscweb.ui.text import duration

# Below this many things a step counts tables, not cells, and a speed would say nothing.
_COUNTED = 50
_ROWS = "Writing the workbook"


def progress_bar(clock: Callable[[], float] = time.monotonic) -> Progress:
    """Draw a bar here; the result is called with what is done, of how many, and the step.

    Args:
        clock: seconds.
    """
    bar = st.progress(0.0, text="Counting …")
    began: dict[str, float] = {}

    def progress(done: int, total: int, step: str = "") -> None:
        started = began.setdefault(step, clock())
        words = bar_words(done, total, step, clock() - started)
        bar.progress(min(1.0, done / total) if total else 0.0, text=words)

    return progress


def bar_words(done: int, total: int, step: str, seconds: float) -> str:
    """ "Writing the cells: 50,000 of 200,000 cells · 120,000 cells per second · about 2 s left".

    Args:
        seconds: since the step began.
    """
    if total < _COUNTED:
        return f"{step}: step {min(done + 1, total)} of {total} …" if total else f"{step} …"
    thing = "rows" if step == _ROWS else "cells"
    parts = [f"{step}: {done:,} of {total:,} {thing}"]
    if done and seconds > 0:
        speed = done / seconds
        parts.append(f"{speed:,.0f} {thing} per second")
        if done < total:
            parts.append(f"about {duration((total - done) / speed)} left")
    return " · ".join(parts)
