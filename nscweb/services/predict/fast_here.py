"""Fast mode on this machine: offered only where it was measured here, gives the answers of exact mode, and pays."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nscweb.core.card import CardEntry
from nscweb.core.errors import WrongUse
from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress, stop_if_asked
from nscweb.services.models import model_by_name
from nscweb.services.predict.model_exports import check_cells, fast_mode_sentence

if TYPE_CHECKING:
    from nscweb.inference.fast_check import FastCheck
    from nscweb.inference.tuning import Tuning
    from nscweb.services.context import App

NOT_MEASURED = "Fast mode was not measured on this machine yet; that takes about a minute, once."
NO_CELLS = (
    "There are no cells to measure fast mode with. Make the fast form again with: "
    "nscweb models export NAME --study STUDY."
)
_STEPS = 2


@dataclass(frozen=True)
class FastMode:
    """What a user may know of the fast mode of a model.

    Attributes:
        offered: measured on this machine, as good as exact mode, and clearly quicker.
        sentence: how good and how quick it is, or why it is not offered.
        to_measure: the card offers it, and only the measurement on this machine is missing.
    """

    offered: bool
    sentence: str
    to_measure: bool = False


def speeds_path(app: App) -> Path:
    """Where it is kept what was measured on this machine."""
    return app.folder.root / "speeds.json"


def tuning(app: App, *, measure: bool) -> Tuning:
    """Threads and batch as measured on this machine; without `measure`, only where that was done before."""
    from nscweb.inference.tuning import Tuning

    return Tuning(speeds_path(app), time.perf_counter, measure)


def fast_mode(app: App, model: str | CardEntry) -> FastMode:
    """Whether fast mode is offered, from what is known; nothing is measured and no network is loaded."""
    from nscweb.inference.fast_check import known_check

    entry = model_by_name(app, model) if isinstance(model, str) else model
    by_card, sentence = fast_mode_sentence(entry)
    if not by_card:
        return FastMode(False, sentence)
    check = known_check(speeds_path(app), entry, app.settings.threads)
    return FastMode(False, NOT_MEASURED, True) if check is None else _in_words(check)


def measure_fast(
    app: App,
    model: str | CardEntry,
    *,
    progress: Progress = no_progress,
    cancel: CancelAsked = never_cancelled,
    timer: Callable[[], float] = time.perf_counter,
) -> FastMode:
    """Compare fast mode with exact mode on this machine where that was not done yet, and keep the result.

    Raises:
        ModelNotFound, CardInvalid, WeightsInvalid, JobCancelled.
    """
    from nscweb.inference.backends import MODES, open_classifier
    from nscweb.inference.fast_check import keep_check, measure_here

    entry = model_by_name(app, model) if isinstance(model, str) else model
    known = fast_mode(app, entry)
    if not known.to_measure:
        return known
    progress(0, _STEPS, "Preparing cells to measure fast mode with")
    inputs = check_cells(entry)
    if inputs is None:
        return FastMode(False, NO_CELLS)
    stop_if_asked(cancel)
    progress(1, _STEPS, "Measuring fast mode on this machine")
    threads = app.settings.threads
    exact, fast = (
        open_classifier(entry, device="cpu", threads=threads, mode=mode, tuning=tuning(app, measure=True))
        for mode in MODES
    )
    at_once = fast.batch * int(fast.settings["threads"])
    check = measure_here(exact, fast, inputs, timer, at_once=at_once)
    keep_check(speeds_path(app), entry, threads, check)
    progress(_STEPS, _STEPS, "")
    return _in_words(check)


def require_fast(
    app: App,
    entry: CardEntry,
    device: str = "auto",
    progress: Progress = no_progress,
    cancel: CancelAsked = never_cancelled,
) -> None:
    """Raise `WrongUse` with the reason unless fast mode is offered here; measures it where that was not done yet.

    A GPU runs the exact network in either mode, so nothing is measured for it.
    """
    from nscweb.inference.device import choose_device
    from nscweb.inference.export_files import check_fast_offered

    check_fast_offered(entry)
    if choose_device(device).type != "cpu":
        return
    found = measure_fast(app, entry, progress=progress, cancel=cancel)
    if not found.offered:
        raise WrongUse(
            f"Fast mode of {entry.card.name} is not offered on this machine. {found.sentence}",
            "Predict in exact mode.",
            "E-NO-FAST-MODE",
        )


def _in_words(check: FastCheck) -> FastMode:
    if not check.passed:
        return FastMode(False, check.reason)
    return FastMode(
        True,
        f"Measured on this machine with {check.cells:,} cells: {check.speedup:.1f} times as quick as exact mode, "
        f"{check.agreement:.2%} of the cells got the same label, and no fate ratio moved by more than "
        f"{check.share_difference * 100:.2f} percentage points.",
    )
