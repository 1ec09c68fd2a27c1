"""What a prediction is asked to do."""

from __future__ import annotations

from dataclasses import dataclass

from nscweb.core.run_record import Mode


@dataclass(frozen=True)
class PredictRequest:
    """What to predict, with what: what page and command line fill in, what a job keeps, what `predict_study` takes.

    Attributes:
        study: name or id.
        model: name of a model or path of its folder; "" takes the default model.
        mode: ``exact``, or ``fast`` for the 8-bit form where this machine offers it (`fast_here.fast_mode`).
        device: ``auto``, ``cpu`` or ``cuda``.
        run_key: names the unfinished run, so that a job that was killed goes on from its last chunk; None makes one
            from study, cells and weights, so that the same request goes on too.
    """

    study: str
    model: str = ""
    mode: Mode = "exact"
    device: str = "auto"
    run_key: str | None = None
