"""The tables that leave the program: samples, groups, tests and lights, as the page shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nscweb.core.run_record import Run
from nscweb.core.samples import Sample
from nscweb.core.timepoint import TimePoint
from nscweb.evaluation.ratios.cell_filters import USED_FOR_CALIBRATION
from nscweb.files.outgoing import yes_no
from nscweb.services.predict.lights import all_judgements

if TYPE_CHECKING:
    from nscweb.services.compare.result import Comparison

# What is said of a ratio, by class: column of the estimates -> beginning of the column in the wide table. No beginning
# is one of another, so that any class name may follow.
_BY_CLASS = {
    "count": "n",
    "ratio": "ratio",
    "low": "low",
    "high": "high",
    "naive": "counted",
    "naive_low": "least_counted",
    "naive_high": "most_counted",
}
CONTROL = f"{USED_FOR_CALIBRATION.capitalize()}; no result is taken from it."


def samples_frame(found: Comparison) -> pd.DataFrame:
    """One row per sample: the sheet, cells, and of each class count, ratio and interval, corrected and naive."""
    data, table = found.data, found.estimates.table
    leading = ["sample_id", "group", "time_h", "replicate", "cells_in"]
    out = data.samples[leading].rename(columns={"sample_id": "sample"})
    out.insert(3, "time", time_labels(out["time_h"]))
    names = out["sample"].tolist()
    # Those behind the ratio: a filter by confidence narrows counted labels, not corrected ratios.
    behind = table.drop_duplicates("sample_id").set_index("sample_id")["cells"].reindex(names)
    out["cells"] = np.nan_to_num(behind.to_numpy(float)).astype(int)
    for name in found.classes.names:
        rows = table[table["class"] == name].set_index("sample_id").reindex(names)
        for column, start in _BY_CLASS.items():
            values = rows[column].to_numpy(float)
            out[f"{start}_{name}"] = np.nan_to_num(values).astype(int) if column == "count" else values
    first = table.drop_duplicates("sample_id").set_index("sample_id").reindex(names)
    out["method"] = found.estimates.method
    out["recovered"] = yes_no(first["recovered"].fillna(False).astype(bool).tolist())
    said = first["why"].fillna("No cell of this sample is counted.").astype(str)
    out["why"] = [CONTROL if name in data.controls else why for name, why in zip(names, said, strict=True)]
    out["light"] = [found.lights.get(name, "") for name in names]
    out["unlike_training_data"] = _unlike(found.run, names)
    return _with_sheet(out, data.sheet)


def groups_frame(found: Comparison) -> pd.DataFrame:
    """One row per group, time point and class; the unit is the replicate."""
    out = found.groups.copy()
    out.insert(2, "time", time_labels(out["time_h"]))
    out["recovered"] = yes_no(out["recovered"].tolist())
    return out


def tests_frame(found: Comparison) -> pd.DataFrame:
    """One row per comparison of two groups at one time point in one class."""
    out = found.tests.copy()
    out.insert(1, "time", time_labels(out["time_h"]))
    return out


def replicates_frame(found: Comparison) -> pd.DataFrame:
    """One row per replicate and class: the points of the figures."""
    out = found.replicate_rows.copy()
    out.insert(2, "time", time_labels(out["time_h"]))
    out["recovered"] = yes_no(out["recovered"].tolist())
    return out


def fit_frame(run: Run) -> pd.DataFrame:
    """One row per sample that was judged: its light, the reasons, and the numbers behind them."""
    rows = []
    for item in all_judgements(run):
        plain = {key: value for key, value in item.items() if isinstance(value, str | int | float | bool)}
        reasons = " ".join(str(reason) for reason in item.get("reasons", ())) or str(item.get("sentence", ""))
        leading = {"sample": str(item.get("sample_id", "")), "light": str(item.get("light", "")), "reasons": reasons}
        rest = {key: value for key, value in plain.items() if key not in ("sample_id", "light", "sentence")}
        rows.append({**leading, **rest})
    return pd.DataFrame(rows, columns=None if rows else ["sample", "light", "reasons"])


def time_labels(hours: pd.Series) -> pd.Series:
    """ "12 h", "3 d"; "" where no time is known."""
    labels = {value: TimePoint(float(value)).label() for value in hours.dropna().unique()}
    return pd.Series([labels.get(value, "") for value in hours.tolist()], index=hours.index, dtype=object)


def _unlike(run: Run, names: Sequence[str]) -> list[str]:
    unlike = {item["sample_id"] for item in run.extra.get("fitness", ()) if item.get("unlike")}
    # Samples of a few cells cannot be judged alone; the judgement of all together then holds for each of them.
    other = "yes, all samples together" if run.extra.get("unlike_together") else "no"
    return ["yes" if name in unlike else other for name in names]


def _with_sheet(out: pd.DataFrame, sheet: Sequence[Sample]) -> pd.DataFrame:
    if sheet:
        by_name = {sample.name: sample for sample in sheet}
        said = [by_name.get(str(name)) for name in out["sample"]]
        out["donor"] = [sample.donor if sample else "" for sample in said]
        out["instrument"] = [sample.instrument if sample else "" for sample in said]
        out["control"] = yes_no([bool(sample and sample.control) for sample in said])
        out["true_class"] = [sample.true_class if sample else "" for sample in said]
    return out
