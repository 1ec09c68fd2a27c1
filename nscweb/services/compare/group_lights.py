"""Trust lights of samples beside groups and replicates.

Every line of a table carries the light of the samples behind it, so that a file marks what a page marks.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nscweb.services.predict.lights import SEVERITY

if TYPE_CHECKING:
    from nscweb.services.compare.result import Comparison


_SAMPLE = ("sample_id", "sample")
# Columns that name groups, and those that name times; a line is about all of them.
_GROUPS = ("group", "control", "other")
_TIMES = ("time_h", "first_h", "last_h")


def worst_light(lights: Iterable[object]) -> str:
    """``red`` before ``yellow`` before not judged before ``green``."""
    return max((str(light) for light in lights), key=SEVERITY.__getitem__, default="")


def with_light(frame: pd.DataFrame, found: Comparison) -> pd.DataFrame:
    """The frame with the column ``light``: the worst light of the counted samples that a line is about.

    A line that names a sample is about it; else about the samples of its groups at its time points. A line without a
    group is about all groups, a line without a time about all times, and so is one that says since when something
    holds (column ``direction``). "" where no sample of the line was judged. A frame that has lights keeps them.
    """
    if "light" in frame:
        return frame
    for column in _SAMPLE:
        if column in frame:
            return frame.assign(light=[found.lights.get(str(name), "") for name in frame[column]])
    table = found.estimates.table.drop_duplicates("sample_id")
    groups = table["group"].astype(str).to_numpy(object)
    times = table["time_h"].to_numpy(np.float64)
    worst = np.array([SEVERITY[found.lights.get(str(name), "")] for name in table["sample_id"]], np.int64)
    named = [column for column in _GROUPS if column in frame]
    timed = [] if "direction" in frame else [column for column in _TIMES if column in frame]
    words = {number: light for light, number in SEVERITY.items()}
    known: dict[tuple[object, ...], str] = {}
    lights = []
    for row in frame[[*named, *timed]].itertuples(index=False, name=None):
        key = tuple(-1.0 if isinstance(value, float) and np.isnan(value) else value for value in row)
        if key not in known:
            here = np.ones(len(worst), bool)
            if named:
                here &= np.isin(groups, [str(value) for value in key[: len(named)]])
            if timed:
                hours = np.array([float(str(value)) for value in key[len(named) :]])
                here &= np.isin(np.nan_to_num(times, nan=-1.0), hours)
            known[key] = words[int(worst[here].max())] if here.any() else ""
        lights.append(known[key])
    return frame.assign(light=pd.Series(lights, index=frame.index, dtype=object))


def with_lights(table: pd.DataFrame, samples: pd.DataFrame, lights: dict[str, str], keys: list[str]) -> pd.DataFrame:
    """`table` with ``light``, ``lights`` and ``why`` of the samples behind each row."""
    from nscweb.words.marks import counted_lights

    first = samples.drop_duplicates("sample_id")
    behind: dict[tuple[object, ...], list[str]] = {}
    why: dict[tuple[object, ...], str] = {}
    names = [first[name].tolist() for name in keys]
    told = zip(first["sample_id"], first["why"], zip(*names, strict=True), strict=True)
    for sample, reason, values in told:
        key = _key(values)
        behind.setdefault(key, []).append(lights.get(str(sample), ""))
        if reason:
            why.setdefault(key, str(reason))
    rows = [_key(values) for values in zip(*(table[name].tolist() for name in keys), strict=True)]
    worst = [max(behind.get(key, [""]), key=SEVERITY.__getitem__) for key in rows]
    return table.assign(
        light=pd.Series(worst, index=table.index, dtype=object),
        lights=pd.Series([counted_lights(behind.get(key, [])) for key in rows], index=table.index, dtype=object),
        why=pd.Series([why.get(key, "") for key in rows], index=table.index, dtype=object),
    )


def _key(values: tuple[object, ...]) -> tuple[object, ...]:
    """NaN is not equal to itself and so no key."""
    return tuple(None if isinstance(value, float) and np.isnan(value) else value for value in values)
