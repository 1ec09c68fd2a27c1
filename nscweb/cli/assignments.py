"""Settings given on the command line as ``name=value``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from nscweb.core.errors import WrongUse
from nscweb.services.train.labelled_folders import ClassLevel


def assignments(given: Sequence[str], file: Path | None = None) -> dict[str, Any]:
    """``["mixup=0.2", "augment.blur=0"]`` -> ``{"mixup": 0.2, "augment": {"blur": 0}}``.

    Values are read as JSON where they are JSON, and as text otherwise. Those given here win over those of the file.

    Raises:
        WrongUse: something without ``=``, or a file that is not a JSON object.
    """
    found: dict[str, Any] = {} if file is None else _read(file)
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise WrongUse(f"{text!r} is not a setting; write name=value.", "For example: --set mixup=0.2.")
        place, (*outer, last) = found, name.strip().split(".")
        for part in outer:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise WrongUse(f"{part} in {text!r} has no parts.")
        place[last] = _value(value.strip())
    return found


def listed(given: str) -> tuple[str, ...]:
    """``"Ch2, Ch3"`` -> ``("Ch2", "Ch3")``."""
    return tuple(item.strip() for item in given.split(",") if item.strip())


def level_of(given: str) -> ClassLevel:
    """``auto``, ``outer`` or ``inner``.

    Raises:
        WrongUse: anything else.
    """
    if given not in ("auto", "outer", "inner"):
        raise WrongUse(f"--class-from takes auto, outer or inner, not {given!r}.")
    return cast(ClassLevel, given)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _read(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise WrongUse(f"The settings file {file.name} cannot be read: {error}.") from error
    if not isinstance(found, dict):
        raise WrongUse(f"The settings file {file.name} is not a JSON object of settings.")
    return cast(dict[str, Any], found.get("settings", found))
