"""The prediction table: one row per cell, from which every ratio, curve and figure is derived."""

from __future__ import annotations

from collections.abc import Sequence

# One row per analysed cell. `flags` is the bit mask of core.flags; `true_class` is "" where not known.
LEADING_COLUMNS: tuple[str, ...] = ("cell_id", "sample_id", "object_number", "group", "time_h", "replicate")
TRAILING_COLUMNS: tuple[str, ...] = ("predicted", "confidence", "flags", "true_class", "source")


def prediction_columns(class_names: Sequence[str]) -> list[str]:
    """All columns of the prediction table, in order: leading, one ``p_<class>`` each, trailing."""
    return [*LEADING_COLUMNS, *(f"p_{name}" for name in class_names), *TRAILING_COLUMNS]
