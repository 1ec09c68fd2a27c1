"""Model cards to JSON and back, with every check that a card must pass."""

from __future__ import annotations

import math
import re
from dataclasses import asdict
from typing import Any

from nscweb.core.card import CARD_FORMAT, Metric, ModelCard, Origin, Performance, WeightsFile
from nscweb.core.classes import ClassScheme
from nscweb.core.errors import CardInvalid
from nscweb.core.recipe import InputRecipe

_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$")
_FILE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,119}$")
_SHA256 = re.compile(r"^[0-9a-f]{64}$")


def card_to_dict(card: ModelCard) -> dict[str, Any]:
    """Plain JSON-ready dictionary; `card_from_dict` is its inverse."""
    return {
        "format": CARD_FORMAT,
        "name": card.name,
        "version": card.version,
        "title": card.title,
        "summary": card.summary,
        "architecture": card.architecture,
        "options": card.options,
        "classes": {
            "names": list(card.classes.names),
            "colours": list(card.classes.colours),
            "kind": card.classes.kind,
        },
        "recipe": card.recipe.as_dict(),
        "weights": asdict(card.weights),
        "origin": asdict(card.origin),
        "performance": {
            "data": card.performance.data,
            "metrics": [asdict(metric) for metric in card.performance.metrics],
            "confusion": [list(row) for row in card.performance.confusion],
            "confusion_by_time": {
                key: [list(row) for row in matrix] for key, matrix in card.performance.confusion_by_time.items()
            },
            "curves": card.performance.curves,
            "comparison": list(card.performance.comparison),
        },
        "uses": list(card.uses),
        "limits": list(card.limits),
        "citation": card.citation,
        "calibration": card.calibration,
        "audit": card.audit,
        "robustness": list(card.robustness),
        "exports": card.exports,
        "mark": card.mark,
        "held_out": card.held_out,
    }


def card_from_dict(data: Any) -> ModelCard:
    """Check a parsed ``card.json`` and make the card.

    Raises:
        CardInvalid: with one sentence that names the field.
    """
    if not isinstance(data, dict):
        raise CardInvalid("The model card is not a JSON object.")
    if data.get("format") != CARD_FORMAT:
        raise CardInvalid(f"The model card has format {data.get('format')!r}; this program reads format {CARD_FORMAT}.")
    try:
        card = ModelCard(
            name=str(data["name"]),
            version=str(data["version"]),
            title=str(data["title"]),
            summary=str(data["summary"]),
            architecture=str(data["architecture"]),
            options=dict(data.get("options", {})),
            classes=_classes(data["classes"]),
            recipe=InputRecipe.from_dict(data["recipe"]),
            weights=WeightsFile(**data["weights"]),
            origin=Origin(**data["origin"]),
            performance=_performance(data["performance"]),
            uses=tuple(str(line) for line in data["uses"]),
            limits=tuple(str(line) for line in data["limits"]),
            citation=str(data.get("citation", "")),
            calibration=dict(data.get("calibration", {})),
            audit=dict(data.get("audit", {})),
            robustness=tuple(dict(row) for row in data.get("robustness", ())),
            exports={str(kind): dict(value) for kind, value in data.get("exports", {}).items()},
            mark=str(data.get("mark", "")),
            held_out=dict(data.get("held_out", {})),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CardInvalid(f"The model card misses or misspells a field: {error}.") from error
    _check(card)
    return card


def _classes(data: dict[str, Any]) -> ClassScheme:
    names = tuple(str(name) for name in data["names"])
    return ClassScheme(names, tuple(str(c) for c in data.get("colours", ())), str(data.get("kind", "fate")))


def _performance(data: dict[str, Any]) -> Performance:
    return Performance(
        data=str(data["data"]),
        metrics=tuple(Metric(**metric) for metric in data.get("metrics", ())),
        confusion=_matrix(data.get("confusion", ())),
        confusion_by_time={str(key): _matrix(value) for key, value in data.get("confusion_by_time", {}).items()},
        curves=dict(data.get("curves", {})),
        comparison=tuple(dict(row) for row in data.get("comparison", ())),
    )


def _matrix(rows: Any) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(int(count) for count in row) for row in rows)


def _check(card: ModelCard) -> None:
    if not _NAME.match(card.name):
        raise CardInvalid(f"The model name {card.name!r} has characters other than letters, digits, . _ -.")
    others = [str(export.get("file", "")) for export in card.exports.values()]
    if card.held_out:
        others.append(str(card.held_out.get("file", "")))
    for name in (card.weights.file, card.weights.example, *others):
        if not _FILE.match(name):
            raise CardInvalid(f"The card names the file {name!r}; files must lie beside the card.")
    if not card.weights.file.endswith(".safetensors"):
        raise CardInvalid("Weights must be a .safetensors file; pickled weights are never loaded.")
    if not _SHA256.match(card.weights.sha256):
        raise CardInvalid("The card gives no valid SHA-256 of its weights.")
    temperature = card.calibration.get("temperature", 1.0)
    if isinstance(temperature, bool) or not isinstance(temperature, int | float) or not 0.01 <= temperature <= 100:
        raise CardInvalid(f"The card gives the temperature {temperature!r}; a number from 0.01 to 100 is possible.")
    if not card.limits:
        raise CardInvalid("The card states no limits; a model without stated limits is not offered.")
    size = len(card.classes)
    matrices = [card.performance.confusion, *card.performance.confusion_by_time.values()]
    for matrix in matrices:
        if matrix and (len(matrix) != size or any(len(row) != size for row in matrix)):
            raise CardInvalid(f"A confusion matrix in the card is not {size} x {size}.")
    for metric in card.performance.metrics:
        if not all(math.isfinite(value) for value in (metric.value, metric.low, metric.high)):
            raise CardInvalid(f"The figure {metric.name} in the card is not a number.")
        if not metric.low - 1e-9 <= metric.value <= metric.high + 1e-9:
            raise CardInvalid(f"The figure {metric.name} in the card lies outside its own interval.")
        if metric.class_name and metric.class_name not in card.classes.names:
            raise CardInvalid(f"The card has a figure for the class {metric.class_name!r}, which it does not define.")
