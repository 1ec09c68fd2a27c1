"""The shortcut audit in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_WORDS = {
    "background": "background level",
    "noise": "noise",
    "gradient": "slope of the illumination",
    "gradient_x": "slope of the illumination to the right",
    "gradient_y": "slope of the illumination downwards",
    "contrast": "contrast",
    "mean_intensity": "mean intensity",
    "height": "frame height",
    "width": "frame width",
    "light": "background, slope of the illumination, noise and contrast together",
    "frame": "frame size",
    "padding": "frame padded by a quarter",
}
FAILED_MARK = "a shortcut may explain its figures"


def plain_name(name: str) -> str:
    """``gradient_x of Ch2`` -> slope of the illumination to the right of Ch2."""
    head, of, channel = name.partition(" of ")
    return _WORDS.get(head, head.replace("_", " ")) + of + channel


def audit_sentence(
    level: str, alone: dict[str, Any], used: Sequence[dict[str, Any]], worst: dict[str, Any] | None, chance: float
) -> str:
    """One or two sentences for a card.

    Args:
        level: ``clear``, ``remark`` or ``failed``.
        alone: the plain classifier beside the network; may be empty.
        used: swaps that cost too much.
        worst: the swap that cost most; None when nothing could be swapped.
        chance: balanced accuracy of guessing.
    """
    told = _told(alone, chance)
    if level == "failed" and used:
        row = max(used, key=lambda item: float(item["cost"]))
        return (
            f"A shortcut explains a part of these figures: {_lost(row)} "
            f"{told}Train again with a recipe that takes this away, and do not use this model on images that "
            "were recorded otherwise."
        )
    if level == "failed":
        return (
            f"A shortcut may explain these figures. {told}The network is not shown to be better, and "
            f"{_open(worst)} Do not use this model on images that were recorded otherwise."
        )
    if worst is None:
        return f"{told}Whether the network uses the recording could not be measured."
    small = (
        "The network makes little or no use of it: in the light or the frame of a cell of another class it is right "
        f"at most {_points(max(0.0, float(worst['cost'])))} less often than in those of its own class."
    )
    if level == "remark":
        return (
            f"{told}That is as good as the network, so these samples alone cannot show that cells were recognised. "
            + small
        )
    return told + small


def _told(alone: dict[str, Any], chance: float) -> str:
    row = next((item for item in alone.get("figures", ()) if item["figure"] == "balanced_accuracy"), None)
    if row is None:
        return ""
    return (
        "Background, light, noise, mean intensity and frame size alone name the right class for "
        f"{_percent(row['recording']['value'])} of held-out cells, the network for "
        f"{_percent(row['network']['value'])} (guessing {_percent(chance)}, each class counting the same). "
    )


def _lost(row: dict[str, Any]) -> str:
    verb = "are replaced by those" if row["kind"] == "light" else "is replaced by that"
    return (
        f"when the {row['what']} of each image {verb} of a cell of another class, and not of its own, the accuracy "
        f"of the network falls by {_points(float(row['cost']))}."
    )


def _open(worst: dict[str, Any] | None) -> str:
    if worst is None:
        return "whether it uses the recording could not be measured."
    return f"it may lose up to {_points(float(worst['cost_high']))} when light or frame are swapped between classes."


def _points(share: float) -> str:
    value = f"{100 * share:.1f}"
    return f"{value} point" if value == "1.0" else f"{value} points"


def _percent(share: float) -> str:
    return f"{100 * float(share):.0f} %"
