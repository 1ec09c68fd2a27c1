"""The traffic light of every sample of a run, as the run keeps it."""

from __future__ import annotations

from typing import Any

from nscweb.core.run_record import Run

GREEN, YELLOW, RED = "green", "yellow", "red"
# From the best to the worst.
LIGHTS: tuple[str, ...] = (GREEN, YELLOW, RED)
# The same with "" for a sample that was not judged; the worst is the largest.
SEVERITY: dict[str, int] = {GREEN: 0, "": 1, YELLOW: 2, RED: 3}
NOT_JUDGED = (
    "This run was made before the program judged whether a model fits a sample: predict again for a trust light "
    "per sample."
)


def lights_of(run: Run) -> dict[str, str]:
    """Sample -> ``green``, ``yellow`` or ``red``, in the order of the study.

    Samples that could not be judged (no cells, or a model that says nothing of its known cells) are missing; the
    result is empty for runs that were made before there were lights.
    """
    return {str(item["sample_id"]): str(item["light"]) for item in judged(run)}


def judged(run: Run) -> list[dict[str, Any]]:
    """The judgements of a run that have a light: its ``extra["fitness"]`` without older entries."""
    return [item for item in run.extra.get("fitness", ()) if item.get("light") in LIGHTS]
