"""Tables of a run as files: cells, samples, groups, tests and provenance, with the numbers that the page shows.

A CSV is nothing but one header line and rows, so that pandas, R and a double click in Excel all read it. What made the
numbers stands in columns at the end of every line, where it survives copying a part; the whole story lies beside
it in ``provenance.json``. `with_header` puts it in front as comment lines for those who want one file.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.core.card import ModelCard
from nscweb.core.flags import unpack
from nscweb.core.run_record import Run
from nscweb.evaluation.ratios.cell_filters import Filters
from nscweb.services.compare.comparison import DEFAULT_METHOD, comparison
from nscweb.services.compare.honest_scores import set_words
from nscweb.services.compare.result import Comparison
from nscweb.services.predict.controls import control_names
from nscweb.services.predict.lights import lights_of
from nscweb.services.predict.runs import get_run, prediction_table
from nscweb.services.report.origin import NOTICE, filters_words, provenance_dict
from nscweb.services.report.sample_tables import groups_frame, samples_frame, tests_frame, time_labels
from nscweb.services.study.gates import gates_of_run

if TYPE_CHECKING:
    from nscweb.services.context import App

__all__ = [
    "NOTICE",
    "cells_csv",
    "cells_frame",
    "counted",
    "export_run",
    "figure_csv",
    "groups_csv",
    "of_model",
    "provenance_json",
    "samples_csv",
    "stated",
    "tables",
    "tests_csv",
    "with_gates",
    "with_header",
]


def export_run(
    app: App, run: Run | str, out_dir: Path, filters: Filters | None = None, method: str = DEFAULT_METHOD
) -> dict[str, Path]:
    """Write ``cells.csv``, ``samples.csv``, ``groups.csv``, ``tests.csv`` and ``provenance.json`` into `out_dir`.

    Args:
        filters: of the dashboard; None takes its defaults, so the numbers are those that the page opens with.
        method: way of counting, key of evaluation.estimates.METHODS.

    Returns:
        file name -> path.
    """
    from nscweb.store.files import atomic_write

    found = get_run(app, run)
    out_dir.mkdir(parents=True, exist_ok=True)
    paths = {}
    for name, content in tables(app, found, filters, method).items():
        paths[name] = out_dir / name
        with atomic_write(paths[name]) as stream:
            stream.write(content)
    return paths


def tables(app: App, run: Run | str, filters: Filters | None = None, method: str = DEFAULT_METHOD) -> dict[str, bytes]:
    """The files of `export_run` as bytes."""
    found = comparison(app, run, filters, method)
    return {
        "cells.csv": cells_csv(app, found.run, found.filters),
        "samples.csv": samples_csv(found),
        "groups.csv": groups_csv(found),
        "tests.csv": tests_csv(found),
        "provenance.json": provenance_json(app, found),
    }


def cells_frame(app: App, run: Run | str, filters: Filters | None = None) -> pd.DataFrame:
    """One row per cell of the run, whether or not it is in the statistics; ``counted`` says so.

    Columns: cell_id, sample, object_number, group, time_h, time, replicate, p_<class>, predicted, confidence,
    class_set (which classes it may be, at an error rate of 10 % of each class; "" where that is not known), light of
    its sample, flags (names), counted (yes or no), true_class, source, then what the cells and the model are.
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
    out["counted"] = np.where(counted(table, filters or Filters(), control_names(app, found)), "yes", "no")
    out["true_class"] = table["true_class"]
    out["source"] = table["source"]
    # The long hash and the sentence would be half of a big file; samples, groups and provenance carry them in full.
    said = stated(out, found, filters or Filters()).drop(columns="weights_sha256")
    brief = gates_of_run(found).brief((filters or Filters()).exclude_flags)
    narrowed = filters_words(filters or Filters())
    return said.assign(
        gates=pd.Categorical([brief]).repeat(len(said)), filters=pd.Categorical([narrowed]).repeat(len(said))
    )


def cells_csv(app: App, run: Run | str, filters: Filters | None = None) -> bytes:
    """`cells_frame` as a file."""
    return figure_csv(cells_frame(app, run, filters))


def counted(table: pd.DataFrame, filters: Filters, controls: Sequence[str] = ()) -> NDArray[np.bool_]:
    """(N,) whether a cell passes gates and filters; `controls`: samples used for calibration.

    Corrected ratios also use cells below the filter by score (`services.ratios.estimates_of`).
    """
    from nscweb.evaluation.ratios.cell_filters import filter_predictions

    kept, _ = filter_predictions(table, **asdict(filters), controls=controls)
    return np.asarray(table.index.isin(kept.index), bool)


def samples_csv(found: Comparison) -> bytes:
    """One line per sample: what the sheet says, cells, counts and ratios of each class with intervals."""
    return figure_csv(stated(samples_frame(found), found.run, found.filters))


def groups_csv(found: Comparison) -> bytes:
    """One line per group, time point and class: mean, SD, SEM and 95 % interval over replicates."""
    return figure_csv(stated(groups_frame(found), found.run, found.filters))


def tests_csv(found: Comparison) -> bytes:
    """One line per comparison of two groups: difference, interval, adjusted p."""
    return figure_csv(stated(tests_frame(found), found.run, found.filters))


def with_gates(frame: pd.DataFrame, run: Run, filters: Filters | None = None) -> bytes:
    """`figure_csv` of what a page shows of a run, with what made it in every line."""
    return figure_csv(stated(frame, run, filters or Filters()))


def of_model(frame: pd.DataFrame, card: ModelCard) -> bytes:
    """`figure_csv` of what a page shows of a model, with the model in every line."""
    return figure_csv(
        frame.assign(
            model_trained_on="simulated cells" if card.origin.simulated else "measured cells",
            model=f"{card.name} {card.version}",
            weights_sha256=card.weights.sha256,
        )
    )


def figure_csv(frame: pd.DataFrame) -> bytes:
    """The data behind a figure; text is neutralised so that a spreadsheet runs no formula."""
    from nscweb.files.plain_tables import csv_bytes

    return csv_bytes(frame)


def with_header(csv: bytes, run: Run) -> bytes:
    """A CSV with lines ``# key: value`` in front (``pandas.read_csv(path, comment="#")`` passes over them)."""
    from nscweb.files.plain_tables import csv_bytes

    made = run.provenance
    said = {
        "notice": NOTICE,
        "cells are": "SIMULATED" if made.simulated_cells else "measured",
        "study": made.study,
        "run": run.run_id,
        "model": f"{made.model} {made.model_version}",
        "weights SHA-256": made.weights_sha256,
        "versions": " ".join(f"{name} {version}" for name, version in made.versions.items()),
    }
    header = csv_bytes(pd.DataFrame(), said).decode("utf-8").rstrip("\n") + "\n"
    # No comma in a comment, or pandas would not pass over its quotation mark.
    return header.replace('"', "").replace(",", ";").encode("utf-8") + csv


def provenance_json(app: App, found: Comparison) -> bytes:
    """Everything that made the numbers, as one JSON object; `nscweb rerun` reads it."""
    return json.dumps(provenance_dict(app, found), indent=2, ensure_ascii=False).encode("utf-8")


def stated(frame: pd.DataFrame, run: Run, filters: Filters) -> pd.DataFrame:
    """What cells, model, gates and filters are stands in every line, so that a copied part still says it."""
    made = run.provenance
    out = frame.copy()
    out["cells_are"] = "simulated" if made.simulated_cells else "measured"
    out["model_trained_on"] = "simulated cells" if made.simulated_training else "measured cells"
    out["model"] = f"{made.model} {made.model_version}"
    out["weights_sha256"] = made.weights_sha256
    out["gates"] = gates_of_run(run).sentence(filters.exclude_flags)
    out["filters"] = filters_words(filters)
    out["run"] = run.run_id
    return out
