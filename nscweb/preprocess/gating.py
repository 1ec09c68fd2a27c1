"""From the numbers of a sample to the flags of its cells, by the gates of the study."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nscweb.core.flags import flag
from nscweb.core.gates import DEFAULT_GATES, RANGES, Gates

if TYPE_CHECKING:
    import pandas as pd  # training, which measures images as well, runs on machines without it

# Numbers of a cell that the gates look at.
GATED = (
    *("background", "noise", "contrast", "focus", "area_px", "n_objects", "border_contact", "saturated_share"),
    "mean_intensity",
    *(item.feature for item in RANGES.values() if item.feature != "area_px"),
)


def quality_flags(
    features: pd.DataFrame,
    gates: Gates = DEFAULT_GATES,
    members: NDArray[np.bool_] | None = None,
    drawn_out: NDArray[np.bool_] | None = None,
) -> NDArray[np.int64]:
    """Flags of `core.flags` as a bit mask per cell, for the feature table of one whole sample.

    Blurred is relative to the sample (`Gates.focus` of the median focus of cells that are not empty) and absolute
    (`Gates.focus_floor`), so that a sample that is out of focus as a whole is found too. With fewer than eight
    cells only the absolute floor counts. A number that was not measured (NaN) flags nothing.

    Args:
        features: one row per cell with the columns `FEATURE_NAMES`.
        gates: limits.
        members: (N,) whether a cell is in one of the populations of the gates; None: no cell is in any.
        drawn_out: (N,) whether a drawn gate leaves a cell out; None: none does.
    """
    table = {name: features[name].to_numpy(dtype=np.float64) for name in GATED if name in features}
    constant, empty = _constant_and_empty(table, gates)
    seen = ~constant & ~empty
    mask = np.zeros(len(features), np.int64)
    mask[constant] |= flag("constant").bit
    for name, hit in (
        ("empty", empty),
        ("blurred", seen & (table["focus"] < focus_limit(table["focus"][seen], gates))),
        ("border", seen & (table["border_contact"] > gates.border)),
        ("several", seen & (table["n_objects"] > gates.objects)),
        ("saturated", table["saturated_share"] > gates.saturated),
        *(
            (name, seen & _outside(table.get(item.feature), *gates.limits_of(item), len(mask)))
            for name, item in RANGES.items()
        ),
        ("population", np.ones(len(mask), bool) if members is None else ~members),
        ("drawn", np.zeros(len(mask), bool) if drawn_out is None else seen & drawn_out),
    ):
        if gates.on(name):
            mask[hit] |= flag(name).bit
    return mask


def focus_limit(focus: NDArray[np.float64], gates: Gates = DEFAULT_GATES) -> float:
    """Lowest focus that passes in a sample whose cells with an object have these values."""
    values = focus[~np.isnan(focus)]
    if len(values) < 8:
        return gates.focus_floor
    return max(gates.focus_floor, gates.focus * float(np.median(values)))


def has_object(features: pd.DataFrame, gates: Gates = DEFAULT_GATES) -> NDArray[np.bool_]:
    """(N,) cells that are neither constant nor empty: those that all other gates look at."""
    table = {name: features[name].to_numpy(dtype=np.float64) for name in GATED if name in features}
    constant, empty = _constant_and_empty(table, gates)
    return np.asarray(~constant & ~empty & ~np.isnan(table["area_px"]), bool)


def _constant_and_empty(
    table: dict[str, NDArray[np.float64]], gates: Gates
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    contrast, noise = table["contrast"], table["noise"]
    level = np.abs(table["background"])
    constant = (noise == 0) & (contrast == 0)
    constant &= np.abs(table["mean_intensity"] - table["background"]) <= 1e-6 * np.maximum(level, 1e-12)
    empty = ~constant & ((table["area_px"] <= 0) | (contrast < gates.signal * noise))
    return constant, empty


def _outside(
    values: NDArray[np.float64] | None, low: float | None, high: float | None, cells: int
) -> NDArray[np.bool_]:
    hit = np.zeros(cells, bool)
    if values is not None and low is not None:
        hit |= values < low
    if values is not None and high is not None:
        hit |= values > high
    return hit
