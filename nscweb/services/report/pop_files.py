"""Cells of a run as IDEAS populations: one ``.pop`` per sample and class, lists of object numbers."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from typing import TYPE_CHECKING

import pandas as pd

from nscweb.core.progress import Progress, no_progress
from nscweb.core.run_record import Run
from nscweb.evaluation.ratios.cell_filters import Filters
from nscweb.files.zips import entry
from nscweb.services.predict.controls import no_results
from nscweb.services.predict.lights import lights_of
from nscweb.services.predict.runs import prediction_table
from nscweb.services.report.export import counted, run_csv
from nscweb.services.report.fcs_files import file_name

if TYPE_CHECKING:
    from nscweb.services.context import App

LEFT_OUT = "left_out"
LISTS = "populations.csv"
POPULATION_COLUMNS = (
    "sample",
    "population",
    "cells",
    "object_numbers",
    "numbers_twice_in_sample",
    "trust_light",
    "file",
    "model",
    "run",
    "simulated",
)


def pop_text(numbers: Iterable[int]) -> str:
    """The content of a ``.pop`` file: object numbers, each once, in order."""
    return "".join(f"{value}\r\n" for value in sorted(set(numbers)))


def add_populations(
    app: App,
    run: Run,
    archive: zipfile.ZipFile,
    filters: Filters | None = None,
    progress: Progress = no_progress,
    folder: str = "",
) -> int:
    """Put the lists into a zip that is being written: the counted cells by class, and those that are left out.

    Object numbers are those of the export that the cells came from, unchanged, so that IDEAS finds the same cells.
    ``populations.csv`` says how many cells each list has, and where one number stands for several cells of a
    sample, because then the list names more cells than were meant.
    """
    table = prediction_table(app, run)
    made = table[["sample_id", "object_number", "predicted"]].assign(
        counted=counted(table, filters or Filters(), no_results(app, run))
    )
    # How many cells of a sample each class has is a ratio, so the light of the sample stands beside it.
    lights = lights_of(run)
    lines, lists, done = [], 0, 0
    for number, (sample, part) in enumerate(made.groupby("sample_id", sort=False, observed=True), start=1):
        place = f"{folder}{file_name(number, str(sample))}"
        twice = int(part["object_number"].duplicated().sum())
        parts = [(name, part[part["counted"] & (part["predicted"] == name).to_numpy()]) for name in run.class_names]
        for position, (name, cells) in enumerate([*parts, (LEFT_OUT, part[~part["counted"]])], start=1):
            path = f"{place}/{LEFT_OUT if name == LEFT_OUT else file_name(position, name)}.pop"
            numbers = sorted(set(cells["object_number"].tolist()))
            archive.writestr(entry(path), pop_text(numbers))
            lists += 1
            lines.append(
                {
                    "sample": str(sample),
                    "population": name,
                    "cells": len(cells),
                    "object_numbers": len(numbers),
                    "numbers_twice_in_sample": twice,
                    "light": lights.get(str(sample), ""),
                    "file": path[len(folder) :],
                }
            )
        done += len(part)
        progress(done, len(table), "Writing populations")
    archive.writestr(entry(folder + LISTS), run_csv(pd.DataFrame(lines), "Populations", run))
    return lists
