"""Tables of a run as files: cells, samples, groups, tests and provenance, with the numbers that the page shows.

A CSV is nothing but one header line and rows, so that pandas, R and a double click in Excel all read it. Model, run and
whether the cells are simulated are columns of every table; hashes, gates and filters stand in ``provenance.json``.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.core.card import ModelCard
from nscweb.core.flags import unpack
from nscweb.core.rules import DEFAULT_METHOD
from nscweb.core.run_record import Run
from nscweb.core.samples import Study
from nscweb.evaluation.ratios.cell_filters import Filters
from nscweb.files.outgoing import MadeBy, columns_table, outgoing
from nscweb.files.plain_tables import csv_bytes
from nscweb.files.zips import entry
from nscweb.services.compare.compare_request import CompareRequest
from nscweb.services.compare.comparison import comparison
from nscweb.services.compare.honest_scores import set_words
from nscweb.services.compare.result import Comparison
from nscweb.services.predict.controls import no_results
from nscweb.services.predict.lights import lights_of
from nscweb.services.predict.runs import get_run, prediction_table
from nscweb.services.report.origin import provenance_dict, run_provenance
from nscweb.services.report.sample_tables import groups_frame, samples_frame, tests_frame, time_labels

if TYPE_CHECKING:
    from nscweb.services.context import App

DICTIONARY = "columns.csv"


def export_run(
    app: App, run: Run | str, out_dir: Path, filters: Filters | None = None, method: str = DEFAULT_METHOD
) -> dict[str, Path]:
    """Write ``cells.csv``, ``samples.csv``, ``groups.csv``, ``tests.csv``, what their columns mean and what made them.

    Args:
        filters: of the dashboard; None takes its defaults, so the numbers are those that the page opens with.
        method: way of counting, key of evaluation.ratios.estimates.METHODS.

    Returns:
        file name -> path.
    """
    from nscweb.store.files import write_files

    found = get_run(app, run)
    return write_files(out_dir, tables(app, found, filters, method))


def tables(app: App, run: Run | str, filters: Filters | None = None, method: str = DEFAULT_METHOD) -> dict[str, bytes]:
    """The files of `export_run` as bytes."""
    found = comparison(app, run, CompareRequest(filters or Filters(), method))
    cells = cells_frame(app, found.run, found.filters)
    return {"cells.csv": csv_bytes(cells), **compared_files(app, found, {"cells.csv": list(cells.columns)})}


def compared_files(app: App, found: Comparison, others: Mapping[str, Iterable[str]] | None = None) -> dict[str, bytes]:
    """``samples.csv``, ``groups.csv``, ``tests.csv``, what their columns mean and what made them; name -> bytes.

    Args:
        others: further files that the dictionary explains -> their columns.
    """
    frames = {f"{name}.csv": frame for name, frame in compared_frames(found).items()}
    explained = {**(others or {}), **{name: list(table.columns) for name, table in frames.items()}}
    return {
        **{name: csv_bytes(table) for name, table in frames.items()},
        DICTIONARY: csv_bytes(columns_table(explained)),
        "provenance.json": provenance_json(app, found),
    }


def compared_frames(found: Comparison) -> dict[str, pd.DataFrame]:
    """The tables ``samples``, ``groups`` and ``tests`` of a comparison with the columns that files have."""
    made = made_by(found.run)
    return {
        "samples": outgoing(samples_frame(found), "Samples", made),
        "groups": outgoing(groups_frame(found), "Groups", made),
        "tests": outgoing(tests_frame(found), "Tests", made),
    }


def add_dictionary(
    app: App, run: Run, archive: zipfile.ZipFile, filters: Filters | None, tables: Mapping[str, Iterable[str]]
) -> None:
    """Put ``columns.csv`` and ``provenance.json`` into a zip of cells: what its tables mean, and what made them.

    Args:
        tables: file of the zip -> its columns.
    """
    made = run_provenance(app, run, filters or Filters())
    said = json.dumps(made, indent=2, ensure_ascii=False).encode("utf-8")
    for name, content in ((DICTIONARY, csv_bytes(columns_table(tables))), ("provenance.json", said)):
        archive.writestr(entry(name), content)


def cells_frame(app: App, run: Run | str, filters: Filters | None = None) -> pd.DataFrame:
    """One row per cell of the run, whether or not it is in the statistics; ``counted`` says so.

    Columns as `core.columns` explains them: cell_id, sample, object_number, group, time_h, time, replicate,
    <class>_score, predicted_class, highest_score, class_set, trust_light, flags, counted, true_class, source_file, and
    what made them.
    """
    found = get_run(app, run)
    table = prediction_table(app, found)
    scores = [f"p_{name}" for name in found.class_names]
    out = table[["cell_id", "sample_id", "object_number", "group", "time_h"]].rename(columns={"sample_id": "sample"})
    out["time"] = time_labels(table["time_h"])
    out["replicate"] = table["replicate"]
    for column in scores:
        out[column] = table[column]
    out["predicted"] = table["predicted"]
    out["confidence"] = table["confidence"]
    out["class_set"] = set_words(app, found).astype("category")
    lights = lights_of(found)
    by_sample = {name: lights.get(str(name), "") for name in table["sample_id"].unique().tolist()}
    out["light"] = table["sample_id"].map(by_sample).astype("category")
    names = {int(mask): " ".join(unpack(int(mask))) for mask in table["flags"].unique()}
    out["flags"] = table["flags"].map(names)
    out["counted"] = np.where(counted(table, filters or Filters(), no_results(app, found)), "yes", "no")
    out["true_class"] = table["true_class"]
    out["source"] = table["source"]
    return outgoing(out, "Cells", made_by(found))


def cells_csv(app: App, run: Run | str, filters: Filters | None = None) -> bytes:
    """`cells_frame` as a file."""
    return csv_bytes(cells_frame(app, run, filters))


def counted(table: pd.DataFrame, filters: Filters, controls: Sequence[str] = ()) -> NDArray[np.bool_]:
    """(N,) whether a cell passes gates and filters; `controls`: samples used for calibration.

    Corrected ratios also use cells below the filter by score (`services.compare.ratios.estimates_of`).
    """
    from nscweb.evaluation.ratios.cell_filters import filter_predictions

    kept, _ = filter_predictions(table, **asdict(filters), controls=controls)
    return np.asarray(table.index.isin(kept.index), bool)


def samples_csv(found: Comparison) -> bytes:
    """One line per sample: what the sheet says, cells, counts and ratios of each class with intervals."""
    return run_csv(samples_frame(found), "Samples", found.run)


def groups_csv(found: Comparison) -> bytes:
    """One line per group, time point and class: mean, SD, SEM and 95 % interval over replicates."""
    return run_csv(groups_frame(found), "Groups", found.run)


def tests_csv(found: Comparison) -> bytes:
    """One line per comparison of two groups: difference, interval, adjusted p."""
    return run_csv(tests_frame(found), "Tests", found.run)


def made_by(run: Run) -> MadeBy:
    """What made the tables of a run."""
    made = run.provenance
    return MadeBy(f"{made.model} {made.model_version}", run.run_id, made.simulated_cells)


def run_csv(frame: pd.DataFrame, table: str, run: Run) -> bytes:
    """A table of a run as CSV.

    Args:
        table: key of `core.column_names.INSIDE`, or any name where the columns mean the same everywhere.
    """
    return csv_bytes(outgoing(frame, table, made_by(run)))


def trained_csv(frame: pd.DataFrame, table: str, name: str, simulated: bool) -> bytes:
    """A table about a training or search that has no card yet, as CSV.

    Args:
        name: of the training. simulated: its cells are.
    """
    return csv_bytes(outgoing(frame, table, MadeBy(name, "", simulated)))


def model_csv(frame: pd.DataFrame, table: str, card: ModelCard) -> bytes:
    """A table about a model, measured on its own cells, as CSV."""
    made = MadeBy(f"{card.name} {card.version}", "", card.origin.simulated)
    return csv_bytes(outgoing(frame, table, made))


def study_csv(frame: pd.DataFrame, table: str, study: Study) -> bytes:
    """A table about the cells of a study that no model had a part in, as CSV."""
    return csv_bytes(outgoing(frame, table, MadeBy(simulated=study.simulated)))


def provenance_json(app: App, found: Comparison) -> bytes:
    """Everything that made the numbers, as one JSON object; `nscweb rerun` reads it."""
    return json.dumps(provenance_dict(app, found), indent=2, ensure_ascii=False).encode("utf-8")


def write_comparison(app: App, found: Comparison, out_dir: Path) -> dict[str, Path]:
    """Write the tables with what their columns mean and what made them into `out_dir`; file name -> path."""
    from nscweb.store.files import write_files

    return write_files(out_dir, compared_files(app, found))
