"""The traffic light of every sample of a run, as the run keeps it."""

from __future__ import annotations

from typing import Any

from nscweb.core.run_record import SETTING, Run

GREEN, YELLOW, RED = "green", "yellow", "red"
# From the best to the worst.
LIGHTS: tuple[str, ...] = (GREEN, YELLOW, RED)
# The same with "" for a sample that was not judged; the worst is the largest.
SEVERITY: dict[str, int] = {GREEN: 0, "": 1, YELLOW: 2, RED: 3}
_SETTING_WORDS = {
    "open": "Whether these cells were recorded at the setting of the training images is not known: the pixel size of "
    "the study or of the model is missing, and the question on the page Study is not answered.",
    "no": "These cells were recorded at another setting than the training images, as was said on the page Study, and "
    "the pixel size of the study or of the model is missing, so they could not be brought to the same size.",
}
_SETTING_ADVICE = "Enter the pixel size on the page Study, or answer there whether the setting is that of the training."
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
    """The judgements of a run that have a light, as they stand today.

    None is green while nobody knows whether the cells were recorded at the setting of the training images.
    """
    return [item for item in all_judgements(run) if item.get("light") in LIGHTS]


def all_judgements(run: Run) -> list[dict[str, Any]]:
    """As `judged`, with older entries, which have no light."""
    sentence = setting_sentence(run)
    items = run.extra.get("fitness", ())
    return [_capped(item, sentence) if sentence and item.get("light") in LIGHTS else item for item in items]


def judged_by_cells(run: Run) -> list[dict[str, Any]]:
    """The same by the cells alone: its ``extra["fitness"]`` without older entries."""
    return [item for item in run.extra.get("fitness", ()) if item.get("light") in LIGHTS]


def setting_sentence(run: Run) -> str:
    """What is said of the setting of a run beside its other warnings; "" where it is known, or was confirmed."""
    return _SETTING_WORDS.get(run.extra.get(SETTING, ""), "")


def _capped(item: dict[str, Any], sentence: str) -> dict[str, Any]:
    light = YELLOW if item["light"] == GREEN else item["light"]
    return {
        **item,
        "light": light,
        "reasons": [*item["reasons"], sentence],
        "advice": list(dict.fromkeys([*item["advice"], _SETTING_ADVICE])),
    }
