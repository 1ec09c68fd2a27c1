"""How long work reports back and is asked to stop: two callables, so that no room knows a page or a queue."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from nscweb.core.errors import JobCancelled

CancelAsked = Callable[[], bool]


class Progress(Protocol):
    """Called with cells done and, when known, cells in all (0 when not known) and what is being done."""

    def __call__(self, done: int, total: int, step: str = "") -> None: ...


def no_progress(done: int, total: int, step: str = "") -> None:
    """Nobody is watching."""


def never_cancelled() -> bool:
    """Nobody can ask to stop."""
    return False


def stop_if_asked(cancel: CancelAsked) -> None:
    """Raise `JobCancelled` when the user asked to stop."""
    if cancel():
        raise JobCancelled("The task was cancelled.", "What was finished before is kept; start it again to go on.")
