"""Cells of a run as FCS 3.1 for flow cytometry software: scores, class, gates and object number as channels."""

from __future__ import annotations

import re
import zipfile
from typing import TYPE_CHECKING, BinaryIO, Literal

import numpy as np
import pandas as pd

from nscweb.core.flags import FLAGS
from nscweb.core.progress import Progress, no_progress
from nscweb.core.run_record import Run
from nscweb.evaluation.ratios.cell_filters import Filters
from nscweb.files.zips import entry
from nscweb.services.predict.controls import no_results
from nscweb.services.predict.lights import lights_of
from nscweb.services.predict.runs import get_run, prediction_table
from nscweb.services.report.export import counted, run_csv
from nscweb.services.report.origin import NOTICE, SIMULATED, filters_words
from nscweb.services.study.gates import gates_of_run

if TYPE_CHECKING:
    from nscweb.files.fcs import Channel
    from nscweb.services.context import App

Split = Literal["samples", "one"]
# Other programs show a number that is not there as 0, which would be a time; no induction began a minus hour ago.
UNKNOWN_TIME = -1.0
_LIGHTS = {"green": 1, "yellow": 2, "red": 3}
INDEX = "samples.csv"
FCS_COLUMNS = ("sample_number", "sample", "cells", "file", "model", "run", "simulated")
_UNSAFE = re.compile(r"[^\w.+-]+", re.ASCII)


def write_fcs_file(
    app: App, run: Run | str, out: BinaryIO, filters: Filters | None = None, progress: Progress = no_progress
) -> int:
    """All cells of a run as one FCS file, with the sample as a channel; returns the cells written."""
    from nscweb.files.fcs import write_fcs

    found = get_run(app, run)
    progress(0, found.cells, "Gathering the cells")
    table = _table(app, found, filters)
    write_fcs(
        out,
        channels_of(table, found),
        _keywords(found, filters, f"{found.run_id}.fcs"),
        lambda done: progress(done, len(table), "Writing the cells"),
    )
    return len(table)


def add_fcs(
    app: App,
    run: Run,
    archive: zipfile.ZipFile,
    filters: Filters | None = None,
    progress: Progress = no_progress,
    folder: str = "",
) -> int:
    """Put one FCS file per sample and `INDEX` (number, sample, file) into a zip; returns the cells written."""
    from nscweb.files.fcs import write_fcs

    table = _table(app, run, filters)
    lines, done = [], 0
    for number, (sample, part) in enumerate(table.groupby("sample_id", sort=False, observed=True), start=1):
        name = f"{file_name(number, str(sample))}.fcs"
        with archive.open(entry(folder + name), "w", force_zip64=True) as stream:
            said = {**_keywords(run, filters, name), "$SMNO": str(sample), "$SRC": _source(part)}
            # A member of a zip is written as a file.
            write_fcs(stream, channels_of(part, run), said)  # type: ignore[arg-type]
        done += len(part)
        lines.append({"sample_number": number, "sample": str(sample), "cells": len(part), "file": name})
        progress(done, len(table), "Writing FCS files")
    archive.writestr(entry(folder + INDEX), run_csv(pd.DataFrame(lines), "FCS files", run))
    return done


def channels_of(table: pd.DataFrame, run: Run) -> list[Channel]:
    """Channels of some rows of the table of `_table`."""
    from nscweb.files.fcs import Channel, object_channels, short_names

    names = run.class_names
    found = object_channels(table["object_number"].to_numpy(np.int64))
    for short, name in zip(short_names(names, "Score"), names, strict=True):
        found.append(Channel(short, f"score of {name}, 0 to 1", table[f"p_{name}"].to_numpy()))
    known = {name: number for number, name in enumerate(names, start=1)}
    codes = table["predicted"].astype(str).map(known).fillna(0).to_numpy(np.float32)
    order = ", ".join(f"{number} {name}" for name, number in known.items())
    found.append(Channel("PredictedClass", f"predicted class: {order}", codes, len(names) + 1))
    found.append(Channel("Confidence", "highest score, 0 to 1", table["confidence"].to_numpy()))
    found.append(Channel("Counted", "1 when the cell passes gates and filters", table["counted"].to_numpy()))
    flags = table["flags"].to_numpy(np.int64)
    for item in FLAGS:
        found.append(Channel(f"Gate{item.name.capitalize()}", f"1 when {item.label}", flags & item.bit > 0))
    lights = table["sample_id"].astype(str).map(lights_of(run)).map(_LIGHTS).fillna(0).to_numpy(np.float32)
    found.append(Channel("FitLight", "light of its sample: 1 green, 2 yellow, 3 red, 0 not judged", lights, 4))
    samples = table["sample_number"].to_numpy()
    found.append(Channel("SampleNumber", "sample, numbered in the order of the run", samples, samples.max(initial=1)))
    hours = table["time_h"].fillna(UNKNOWN_TIME).to_numpy(np.float32)
    found.append(Channel("HoursInduced", "hours since induction, -1 not known", hours, float(hours.max(initial=1.0))))
    return found


def file_name(number: int, name: str) -> str:
    """A name for a file from a user's text: a running number makes it unique, no letter makes it a path."""
    return f"{number:03d}_{_UNSAFE.sub('_', name).strip('._')[:60] or 'sample'}"


def _table(app: App, run: Run, filters: Filters | None) -> pd.DataFrame:
    table = prediction_table(app, run)
    made = table.assign(counted=counted(table, filters or Filters(), no_results(app, run)))
    codes, _ = pd.factorize(made["sample_id"])
    return made.assign(sample_number=codes + 1)


def _source(part: pd.DataFrame) -> str:
    first = part.iloc[0]
    said = [str(first["group"])]
    if pd.notna(first["time_h"]):
        said.append(f"{first['time_h']:g} h")
    return ", ".join([*said, f"replicate {first['replicate']}"] if first["replicate"] else said)


def _keywords(run: Run, filters: Filters | None, name: str) -> dict[str, str]:
    made = run.provenance
    chosen = filters or Filters()
    comment = f"{SIMULATED} {NOTICE}" if made.simulated_cells else NOTICE
    return {
        "$FIL": name,
        "$COM": comment,
        "$PROJ": made.study,
        "$CYT": "imaging flow cytometer (scores by nscweb)",
        "NSCSIMULATED": "yes" if made.simulated_cells else "no",
        "NSCTRAINEDONSIMULATED": "yes" if made.simulated_training else "no",
        "NSCNOTICE": comment,
        "NSCRUN": run.run_id,
        "NSCMODEL": f"{made.model} {made.model_version}",
        "NSCWEIGHTSSHA256": made.weights_sha256,
        "NSCCELLSSHA256": made.cells_sha256,
        "NSCCLASSES": ", ".join(f"{i} {class_name}" for i, class_name in enumerate(run.class_names, start=1)),
        "NSCFILTERS": filters_words(chosen),
        "NSCGATES": gates_of_run(run).sentence(chosen.exclude_flags),
        "NSCVERSION": made.versions.get("nscweb", ""),
    }
