"""Trust lights of samples beside groups and replicates."""

from __future__ import annotations

import numpy as np
import pandas as pd

from nscweb.services.predict.lights import SEVERITY


def with_replicates(table: pd.DataFrame) -> pd.DataFrame:
    """Samples with the replicate that they count as: a sample without one stands for itself."""
    return table.assign(replicate=table["replicate"].where(table["replicate"] != "", table["sample_id"]))


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
