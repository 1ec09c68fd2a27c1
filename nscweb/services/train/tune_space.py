"""What a search for training settings may change, as a declared table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nscweb.core.errors import InputRefused, NscwebError
from nscweb.core.plain import from_plain

if TYPE_CHECKING:
    from nscweb.training.config import TrainConfig

# Strengths of AugmentSettings that the one number `augmentation` multiplies. Rotation and mirror stay: cells in
# flow have no up and down, so any direction is right at every strength.
_SCALED = ("shift", "scale", "illumination", "contrast", "blur", "noise", "frame")


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, searched on a logarithmic scale with `log`."""

    low: float
    high: float
    log: bool = False


@dataclass(frozen=True)
class Choices:
    """One of a few whole numbers."""

    choices: tuple[int, ...]


Space = Mapping[str, Range | Choices]
# Every name is a field of TrainConfig, but for `augmentation`: a factor on the strengths of the augmentation.
SPACE: dict[str, Range | Choices] = {
    "learning_rate": Range(1e-4, 1e-2, log=True),
    "weight_decay": Range(1e-4, 0.3, log=True),
    "batch": Choices((32, 64, 128, 256)),
    "label_smoothing": Range(0.0, 0.2),
    "augmentation": Range(0.0, 2.0),
    "mixup": Range(0.0, 0.4),
}
WORDS = {
    "learning_rate": "learning rate",
    "weight_decay": "weight decay",
    "batch": "cells per step",
    "label_smoothing": "label smoothing",
    "augmentation": "strength of augmentation",
    "mixup": "mixup",
}


def read_space(path: Path) -> dict[str, Range | Choices]:
    """A search space from a JSON file such as ``{"learning_rate": {"low": 1e-4, "high": 1e-2, "log": true},
    "batch": {"choices": [32, 64]}}``; names that are absent keep their default.

    Raises:
        InputRefused: not such a file.
    """
    try:
        table = json.loads(path.read_text("utf-8"))
        return {name: _part(name, line) for name, line in table.items()}
    except (OSError, ValueError, TypeError, AttributeError, NscwebError) as error:
        raise InputRefused(
            f"The file {path.name} does not say what to search ({error}).",
            'Write for example {"learning_rate": {"low": 0.0001, "high": 0.01, "log": true}}.',
            "E-TUNE-SPACE",
        ) from error


def _part(name: str, line: Mapping[str, Any]) -> Range | Choices:
    if name not in SPACE:
        raise ValueError(f"{name!r} cannot be searched; possible are {', '.join(SPACE)}")
    kind: type[Range] | type[Choices] = Choices if "choices" in line else Range
    found = from_plain(kind, line, repr(name), lambda said: NscwebError(said.removesuffix(".")))
    if isinstance(found, Choices):
        if not found.choices:
            raise ValueError(f"{name!r} has no choices")
    elif not found.low < found.high or (found.log and found.low <= 0):
        raise ValueError(f"the range of {name!r} is empty, or a logarithmic one does not begin above 0")
    return found


def defaults_in(space: Space, config: TrainConfig) -> dict[str, float | int]:
    """The settings of `config` as a point of the space, moved to its nearest edge where they lie outside."""
    point: dict[str, float | int] = {}
    for name, part in space.items():
        value = 1.0 if name == "augmentation" else getattr(config, name)
        if isinstance(part, Choices):
            point[name] = min(part.choices, key=lambda choice: abs(choice - value))
        else:
            point[name] = min(max(float(value), part.low), part.high)
    return point


def settings_of(config: TrainConfig, point: Mapping[str, float | int]) -> dict[str, Any]:
    """A point of the space as settings of TrainConfig; ``augment`` holds the strengths of the augmentation."""
    settings: dict[str, Any] = {name: value for name, value in point.items() if name != "augmentation"}
    if "augmentation" in point:
        strengths = asdict(config.augment)
        factor = float(point["augmentation"])
        settings["augment"] = {
            name: min(0.9, value * factor) if name == "frame" else value * factor if name in _SCALED else value
            for name, value in strengths.items()
        }
    return settings


def with_settings(config: TrainConfig, settings: Mapping[str, Any]) -> TrainConfig:
    """`config` with settings from `settings_of` put in."""
    from nscweb.training.augment import AugmentSettings

    changes = dict(settings)
    if "augment" in changes:
        changes["augment"] = AugmentSettings(**changes["augment"])
    return replace(config, **changes)
