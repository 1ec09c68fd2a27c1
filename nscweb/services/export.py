"""Tables of a run as files: cells, samples, groups and provenance, with the numbers that the page shows."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.core.flags import unpack
from nscweb.core.runs import Run
from nscweb.core.timepoint import TimePoint
from nscweb.services.dashboard import DashboardData, Filters, dashboard_data, warnings_of
from nscweb.services.gates import gates_changed, gates_of_run
from nscweb.services.runs import get_run, prediction_table, sheet_changed

if TYPE_CHECKING:
    from nscweb.services.context import App

NOTICE = "Research use only. Predicted by a computer, not measured by a marker."
GROUP_COLUMNS = (
    "group", "time_h", "class", "replicates", "cells", "mean", "sd", "sem", "low", "high", "method",
)  # fmt: skip


def export_run(app: App, run: Run | str, out_dir: Path, filters: Filters | None = None) -> dict[str, Path]:
    """Write ``cells.csv``, ``samples.csv``, ``groups.csv`` and ``provenance.json`` into `out_dir`.

    Args:
        filters: of the dashboard; None takes its defaults, so the numbers are those that the page opens with.

    Returns:
        file name -> path.
    """
    from nscweb.store.files import atomic_write

    found = get_run(app, run)
    out_dir.mkdir(parents=True, exist_ok=True)
    paths = {}
    for name, content in tables(app, found, filters).items():
        paths[name] = out_dir / name
        with atomic_write(paths[name]) as stream:
            stream.write(content)
    return paths


def tables(app: App, run: Run | str, filters: Filters | None = None) -> dict[str, bytes]:
    """The four files of `export_run` as bytes."""
    found = get_run(app, run)
    data = dashboard_data(app, found, filters)
    return {
        "cells.csv": cells_csv(app, found, data.filters),
        "samples.csv": samples_csv(data),
        "groups.csv": groups_csv(data),
        "provenance.json": provenance_json(app, found, data.filters),
    }


def cells_csv(app: App, run: Run | str, filters: Filters | None = None) -> bytes:
    """One line per cell of the run, whether or not it is in the statistics; ``counted`` says so.

    Columns: cell_id, sample, object_number, group, time_h, time, replicate, p_<class>, predicted, confidence,
    flags (names), counted (yes or no), true_class, source, then what the cells and the model are.
    """
    found = get_run(app, run)
    table = prediction_table(app, found)
    scores = [f"p_{name}" for name in found.class_names]
    out = table[["cell_id", "sample_id", "object_number", "group", "time_h"]].rename(
        columns={"sample_id": "sample"}
    )
    out["time"] = _time_labels(table["time_h"])
    out["replicate"] = table["replicate"]
    for column in scores:
        out[column] = table[column]
    out["predicted"] = table["predicted"]
    out["confidence"] = table["confidence"]
    names = {int(mask): " ".join(unpack(int(mask))) for mask in table["flags"].unique()}
    out["flags"] = table["flags"].map(names)
    out["counted"] = np.where(counted(table, filters or Filters()), "yes", "no")
    out["true_class"] = table["true_class"]
    out["source"] = table["source"]
    # The long hash and the sentence would be half of a big file; samples, groups and provenance carry them in full.
    stated = _with_statement(out, found, filters or Filters()).drop(columns="weights_sha256")
    brief = gates_of_run(found).brief((filters or Filters()).exclude_flags)
    return figure_csv(stated.assign(gates=pd.Categorical([brief]).repeat(len(stated))))


def counted(table: pd.DataFrame, filters: Filters) -> NDArray[np.bool_]:
    """(N,) whether a cell is behind the ratios under these filters."""
    from nscweb.evaluation.filters import filter_predictions

    kept, _ = filter_predictions(table, **asdict(filters))
    return np.asarray(table.index.isin(kept.index), bool)


def samples_csv(data: DashboardData) -> bytes:
    """One line per sample: what the sheet says, cells, counts and ratios of each class."""
    out = data.samples.rename(columns={"sample_id": "sample"})
    out.insert(3, "time", _time_labels(out["time_h"]))
    if data.sheet:
        by_name = {sample.name: sample for sample in data.sheet}
        sheet = [by_name.get(str(name)) for name in out["sample"]]
        out["donor"] = [sample.donor if sample else "" for sample in sheet]
        out["instrument"] = [sample.instrument if sample else "" for sample in sheet]
        out["control"] = ["yes" if sample and sample.control else "no" for sample in sheet]
        out["true_class"] = [sample.true_class if sample else "" for sample in sheet]
    unlike = {item["sample_id"] for item in data.run.extra.get("fitness", ()) if item["unlike"]}
    # Samples of a few cells cannot be judged alone; the judgement of all together then holds for each of them.
    other = "yes, all samples together" if data.run.extra.get("unlike_together") else "no"
    out["unlike_training_data"] = ["yes" if name in unlike else other for name in out["sample"]]
    return figure_csv(_with_statement(out, data.run, data.filters))


def groups_csv(data: DashboardData) -> bytes:
    """One line per group, time point and class: mean, SD, SEM and 95 % interval over replicates."""
    return figure_csv(_with_statement(data.group_ratios[list(GROUP_COLUMNS)].copy(), data.run, data.filters))


def with_gates(frame: pd.DataFrame, run: Run, filters: Filters | None = None) -> bytes:
    """`figure_csv` of what a page shows of a run, with its gates in a column."""
    sentence = gates_of_run(run).sentence((filters or Filters()).exclude_flags)
    return figure_csv(frame.assign(gates=sentence))


def figure_csv(frame: pd.DataFrame) -> bytes:
    """The data behind a figure; text is neutralised so that a spreadsheet runs no formula."""
    from nscweb.reports.tables import csv_bytes

    return csv_bytes(frame)


def provenance_json(app: App, run: Run, filters: Filters) -> bytes:
    """Everything that made the numbers, as one JSON object."""
    data = {
        "run": run.run_id,
        **run.provenance.as_dict(),
        "created_utc": run.created_utc,
        "cells": run.cells,
        "not_predicted": run.extra.get("not_predicted", 0),
        "classes": list(run.class_names),
        "warnings": list(warnings_of(app, run)),
        "limits": list(run.extra.get("limits", ())),
        "fitness": list(run.extra.get("fitness", ())),
        "pixel_size_um": run.extra.get("pixel_size_um"),
        "filters": {
            "groups": list(filters.groups),
            "times_h": list(filters.times_h),
            "replicates": list(filters.replicates),
            "min_confidence": filters.min_confidence,
            "exclude_flags": list(filters.exclude_flags),
        },
        "gates": {
            "limits": gates_of_run(run).as_dict(),
            "digest": gates_of_run(run).digest(),
            "sentence": gates_of_run(run).sentence(filters.exclude_flags),
            "changed_after_run": gates_changed(app, run),
        },
        "sample_sheet_edited_after_run": sheet_changed(app, run),
        "notice": NOTICE,
    }
    return json.dumps(data, indent=2, ensure_ascii=False).encode("utf-8")


def _with_statement(frame: pd.DataFrame, run: Run, filters: Filters) -> pd.DataFrame:
    """What the cells, the model and the gates are stands in every line, so that a copied part still says it."""
    made = run.provenance
    frame["cells_are"] = "simulated" if made.simulated_cells else "measured"
    frame["model_trained_on"] = "simulated cells" if made.simulated_training else "measured cells"
    frame["model"] = f"{made.model} {made.model_version}"
    frame["weights_sha256"] = made.weights_sha256
    frame["gates"] = gates_of_run(run).sentence(filters.exclude_flags)
    frame["run"] = run.run_id
    return frame


def _time_labels(hours: pd.Series) -> pd.Series:
    labels = {value: TimePoint(float(value)).label() for value in hours.dropna().unique()}
    return pd.Series([labels.get(value, "") for value in hours.tolist()], index=hours.index, dtype=object)
