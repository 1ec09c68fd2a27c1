"""What class maps of a model are worth, in words; the numbers come from its card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from nscweb.core.card import ModelCard
from nscweb.core.rules import MAP_SAME, MAP_STEADY
from nscweb.words.numbers import count, listed

Worth = Literal["better", "partly", "no better", "worse"]

# Key in a card -> words within a sentence.
METHODS = {"grad-cam": "Grad-CAM", "integrated-gradients": "integrated gradients", "occlusion": "occlusion"}
_SHOWN = {
    "grad-cam": "Class maps (Grad-CAM): how much each part of a cell speaks for the class.",
    "integrated-gradients": (
        "Integrated gradients: what each pixel adds to the score of the class on the way from an empty field to the "
        "cell."
    ),
    "occlusion": (
        "This model keeps no places, so there is no Grad-CAM of it. Shown instead is occlusion: how much the score "
        "falls when a patch of the cell is covered with background."
    ),
}
RIVALS = {
    "centre": "the middle of the frame",
    "contrast": "the pixels of strongest contrast",
    "random": "pixels drawn at random",
}


def method_word(name: str) -> str:
    """``integrated-gradients`` -> integrated gradients."""
    return METHODS.get(name, name)


def map_meaning(method: str) -> str:
    """What a map drawn in one way shows."""
    return _SHOWN[method]


def worth(against: Mapping[str, Mapping[str, float]]) -> Worth:
    """How a map compares with a plain order, by the intervals of both curves.

    ``better``: both curves; ``partly``: one curve, and the other leaves it open; ``worse``: a curve speaks against the
    map and none for it; ``no better``: all else.
    """
    found = [against[name] for name in ("deletion", "insertion") if against.get(name)]
    won = sum(item["low"] > 0 for item in found)
    lost = sum(item["high"] < 0 for item in found)
    if won == 2:
        return "better"
    if won and not lost:
        return "partly"
    return "worse" if lost and not won else "no better"


def map_row(card: ModelCard, method: str) -> dict[str, Any]:
    """The row of a way of drawing in the table of a card; empty when it was not tested."""
    return next((row for row in card.map_tests.get("orders", ()) if row["order"] == method), {})


def map_sentence(card: ModelCard, method: str) -> str:
    """What the maps of a model are worth, drawn in one way."""
    name, row = METHODS[method], map_row(card, method)
    if not row:
        return (
            f"What maps of this model by {name} are worth was not measured. "
            f"Measure it with the command nscweb models audit {card.name} --maps-only."
        )
    groups: dict[Worth, list[str]] = {}
    for rival, against in row["against"].items():
        words = RIVALS.get(rival) or f"those marked by {METHODS[rival]}"
        groups.setdefault(worth(against), []).append(words)
    parts = []
    if "better" in groups:
        parts.append(f"tell the model more than {listed(groups['better'])}")
    if "partly" in groups:
        parts.append(f"tell it more than {listed(groups['partly'])} by one of two tests")
    if "no better" in groups:
        parts.append(f"no more than {listed(groups['no better'])}")
    if "worse" in groups:
        parts.append(f"less than {listed(groups['worse'])}")
    if not {"better", "partly"} & groups.keys():
        parts[0] = f"tell the model {parts[0]}"
    joined = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])}, but {parts[-1]}"
    if len(parts) > 1 and "no better" not in groups and "worse" not in groups:
        joined = " and ".join(parts)
    sentence = f"Tested on {count(int(card.map_tests['cells']), 'held-out cell')}: pixels marked by {name} {joined}."
    if row.get("all_layers") and row["all_layers"]["value"] >= MAP_SAME:
        sentence += " The maps stay alike when all weights are drawn anew: they show the image more than the model."
    if row.get("shift_1px") and row["shift_1px"]["value"] < MAP_STEADY:
        sentence += " They change when the cell moves by a pixel: read areas, not single pixels."
    better = [METHODS[other] for other in METHODS if _beats(map_row(card, other), method)]
    if better:
        sentence += f" By the same tests {listed(better)} do better."
    return sentence


def _beats(row: Mapping[str, Any], method: str) -> bool:
    against = row.get("against", {}).get(method)
    return bool(against) and worth(against) == "better"


def map_sentences(card: ModelCard) -> list[str]:
    """`map_sentence` of every way that was tested."""
    return [map_sentence(card, row["order"]) for row in card.map_tests.get("orders", ()) if row["kind"] == "map"]
