"""Options of ``nscweb study import --fields`` as settings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from nscweb.core.errors import WrongUse
from nscweb.core.segmentation import SegmentationSettings, least_background_radius


def field_settings(
    fields: bool, pixel_size_um: float | None, colonies: bool, **given: Any
) -> SegmentationSettings | None:
    """Settings suggested for the pixel size, changed by what was given; None when images are single cells.

    Args:
        given: settings by name, None where the option was not given; a `split_strength` below 0 turns splitting off.

    Raises:
        WrongUse: options of fields without ``--fields``, or values that make no sense.
    """
    changed = {name: value for name, value in given.items() if value is not None}
    if not fields:
        if changed or colonies:
            raise WrongUse("Options of fields of view were given without --fields.", "Add --fields, or leave them out.")
        return None
    suggested = SegmentationSettings.suggested(pixel_size_um, colonies=colonies)
    if changed.get("split_strength", 0) < 0:
        changed |= {"split": False, "split_strength": suggested.split_strength}
    elif "split_strength" in changed:
        changed["split"] = True
    if "max_area" in changed and "background_radius" not in changed:
        # A radius that nobody asked for must not stand in the way of larger objects.
        least = least_background_radius(max(1, changed["max_area"]))
        changed["background_radius"] = max(suggested.background_radius, least)
    return replace(suggested, **changed)
