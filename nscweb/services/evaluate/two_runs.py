"""Two runs of one study compared on the same cells: differences with intervals, and the cells where they differ."""

from __future__ import annotations

import json
from collections.abc import Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from nscweb.core.classes import ClassScheme
from nscweb.core.errors import NscwebError, WrongUse
from nscweb.core.run_record import Run
from nscweb.files.outgoing import MadeBy, columns_table, outgoing
from nscweb.services.cells.cells import GalleryCell, gallery_cells
from nscweb.services.evaluate.counts_and_curves import training_overlap
from nscweb.services.evaluate.evaluate import evaluated_rows
from nscweb.services.kept import kept
from nscweb.services.predict.run_cells import run_key
from nscweb.services.predict.runs import class_scheme, get_run, list_runs, prediction_table
from nscweb.services.report.export import made_by

if TYPE_CHECKING:
    from nscweb.services.context import App

Kind = Literal["only first right", "only second right", "both wrong, differently"]
KINDS: tuple[Kind, ...] = ("only first right", "only second right", "both wrong, differently")
MCNEMAR_NOTE = (
    "McNemar's test counts every cell as an independent witness. Cells of one sample are not: they share medium, day "
    "and light, so that its p value is too small. The interval over samples decides."
)


@dataclass(frozen=True)
class ModelComparison:
    """Two models on the same cells.

    Attributes:
        first, second: the runs.
        names: what the two are called: model and version, with the run where that is the same.
        classes: ordered classes of the first.
        cells, samples: judged by both.
        differences: see `evaluation.scores.model_pairs.differences`.
        mcnemar: see `evaluation.scores.model_pairs.mcnemar_table`.
        disagreements: cells where the answers differ, the surest contradictions first: cell_id, sample_id,
            object_number, group, time_h, replicate, true_class, first, first_score, second, second_score, kind.
        sentence: which model is better, or that this is not shown.
        warnings: sentences that belong beside every figure.
    """

    first: Run
    second: Run
    names: tuple[str, str]
    classes: ClassScheme
    cells: int
    samples: int
    differences: pd.DataFrame = field(repr=False)
    mcnemar: pd.DataFrame = field(repr=False)
    disagreements: pd.DataFrame = field(repr=False)
    sentence: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def simulated(self) -> bool:
        return self.first.provenance.simulated_cells


def others_of(app: App, run: Run) -> list[Run]:
    """Further runs of the same study whose models know the same classes, newest first."""
    wanted = set(run.class_names)
    runs = [other for other in list_runs(app, run.study_id) if other.run_id != run.run_id]
    return [other for other in runs if set(other.class_names) == wanted]


def _key(app: App, first: Run | str, second: Run | str, *, seed: int = 0) -> Hashable:
    return (run_key(app, first), run_key(app, second), seed)


@kept(6, _key)
def compare_models(app: App, first: Run | str, second: Run | str, *, seed: int = 0) -> ModelComparison:
    """Compare two runs of a study on the cells of known class that both predicted.

    Args:
        first, second: runs or their ids.
        seed: of the bootstrap.

    Raises:
        WrongUse: the runs are of different studies, are one and the same, or their models know different classes.
        StudyError: no cell has a true class that the models know.
    """
    from nscweb.core.classes import class_codes
    from nscweb.evaluation.scores.model_pairs import Paired, differences, mcnemar_table, verdict

    one, two = get_run(app, first), get_run(app, second)
    _check(one, two)
    classes = class_scheme(one)
    names = classes.names
    table, _ = evaluated_rows(prediction_table(app, one), classes)
    answers = prediction_table(app, two)
    place = pd.Index(answers["cell_id"]).get_indexer(pd.Index(table["cell_id"]))
    table = table[place >= 0]
    other = answers.iloc[place[place >= 0]]
    paired = Paired(
        true=class_codes(table["true_class"], names),
        first=class_codes(table["predicted"], names),
        second=class_codes(other["predicted"], names),
        sample=np.asarray(pd.factorize(table["sample_id"])[0], np.int64),
        times=table["time_h"].to_numpy(np.float64),
        classes=names,
    )
    found = differences(paired, seed=seed)
    called = names_of(one, two)
    sentences = [*training_overlap(app, one, table), *training_overlap(app, two, table)]
    return ModelComparison(
        first=one,
        second=two,
        names=called,
        classes=classes,
        cells=len(table),
        samples=int(table["sample_id"].nunique()),
        differences=found,
        mcnemar=mcnemar_table(paired),
        disagreements=_disagreements(table, other),
        sentence=verdict(found, *called),
        warnings=tuple(dict.fromkeys(sentences)),
    )


def run_or_model(app: App, study_id: str, text: str, **options: Any) -> Run:
    """The run of that id, or a run of the study by the model of that name (made where there is none).

    Args:
        text: id of a run, or name of a model or path of its folder.
        options: of `services.predict.predict.run_for`.
    """
    from nscweb.services.predict.predict import run_for

    if text[:1] == "r" and text[1:].isdecimal():
        try:
            return get_run(app, text)
        except NscwebError:
            pass
    return run_for(app, study_id, text, **options)


def names_of(first: Run, second: Run) -> tuple[str, str]:
    """What two runs are called side by side: the model, its version where needed, the run where that is the same."""
    names = [run.model for run in (first, second)]
    if names[0] == names[1]:
        names = [f"{run.model} {run.provenance.model_version}" for run in (first, second)]
    if names[0] == names[1]:
        names = [f"{run.model} ({run.run_id})" for run in (first, second)]
    return names[0], names[1]


def disagreement_page(
    app: App, found: ModelComparison, kind: Kind | None = None, *, limit: int = 24, offset: int = 0
) -> tuple[list[tuple[GalleryCell, dict[str, Any]]], int]:
    """Cells of one page of the gallery with their row of `disagreements`, and how many there are of the kind."""
    rows = found.disagreements
    if kind is not None:
        rows = rows[rows["kind"] == kind]
    page = rows.iloc[offset : offset + limit]
    table = prediction_table(app, found.first)
    place = pd.Index(table["cell_id"]).get_indexer(pd.Index(page["cell_id"]))
    cells = gallery_cells(app, found.first, table.iloc[place])
    records = [{str(key): value for key, value in row.items()} for row in page.to_dict("records")]
    return list(zip(cells, records, strict=True)), len(rows)


def compared_tables(found: ModelComparison) -> dict[str, pd.DataFrame]:
    """``differences``, ``mcnemar`` and ``disagreements`` as they go out; columns of their own name first and second.

    The columns model and run hold both, joined by a semicolon.
    """
    runs = (found.first, found.second)
    both = [made_by(run) for run in runs]
    made = MadeBy("; ".join(one.model for one in both), "; ".join(one.run for one in both), found.simulated)
    tables = (
        ("differences", "Two models", found.differences),
        ("mcnemar", "McNemar", found.mcnemar),
        ("disagreements", "Disagreements", found.disagreements),
    )
    return {
        name: outgoing(table.assign(first_model=found.names[0], second_model=found.names[1]), kind, made)
        for name, kind, table in tables
    }


def comparison_dict(found: ModelComparison) -> dict[str, Any]:
    """The comparison for ``comparison.json``."""
    tables = compared_tables(found)
    return {
        "study": found.first.provenance.study,
        "first": {"run": found.first.run_id, "model": found.names[0]},
        "second": {"run": found.second.run_id, "model": found.names[1]},
        "cells": found.cells,
        "samples": found.samples,
        "simulated_cells": found.simulated,
        "sentence": found.sentence,
        "differences": _records(tables["differences"]),
        "mcnemar": _records(tables["mcnemar"]),
        "mcnemar_note": MCNEMAR_NOTE,
        "disagreements": len(found.disagreements),
        "warnings": list(found.warnings),
    }


def write_comparison(found: ModelComparison, out_dir: Path) -> dict[str, Path]:
    """Write ``comparison.json``, differences, McNemar's table and disagreements as CSV, and what their columns mean.

    Returns:
        file name -> path.
    """
    from nscweb.files.plain_tables import csv_bytes
    from nscweb.store.files import write_files

    text = json.dumps(comparison_dict(found), indent=2, ensure_ascii=False, allow_nan=False)
    tables = compared_tables(found)
    explained = {f"{name}.csv": [str(column) for column in table.columns] for name, table in tables.items()}
    contents = {
        "comparison.json": text.encode("utf-8"),
        **{f"{name}.csv": csv_bytes(table) for name, table in tables.items()},
        "comparison_columns.csv": csv_bytes(columns_table(explained)),
    }
    return write_files(out_dir, contents)


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    return [{str(key): value for key, value in row.items()} for row in rows]


def _check(first: Run, second: Run) -> None:
    if first.run_id == second.run_id:
        raise WrongUse("A run cannot be compared with itself.", "Choose another run, or another model.")
    if first.study_id != second.study_id:
        raise WrongUse(
            f"The runs {first.run_id} and {second.run_id} are of different studies.",
            "Predict the same study with both models; only the same cells can be compared.",
        )
    if set(first.class_names) != set(second.class_names):
        raise WrongUse(
            f"{first.model} knows {', '.join(first.class_names)}; {second.model} knows "
            f"{', '.join(second.class_names)}.",
            "Compare two models that know the same classes.",
            "E-OTHER-CLASSES",
        )


def _disagreements(table: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    first = table["predicted"].astype(str).to_numpy()
    second = other["predicted"].astype(str).to_numpy()
    differ = first != second
    rows = table.loc[differ, ["cell_id", "sample_id", "object_number", "group", "time_h", "replicate", "true_class"]]
    rows = rows.astype({"cell_id": str, "group": str, "replicate": str}).reset_index(drop=True)
    rows["first"], rows["second"] = first[differ], second[differ]
    rows["first_score"] = table["confidence"].to_numpy(np.float64)[differ]
    rows["second_score"] = other["confidence"].to_numpy(np.float64)[differ]
    truth = rows["true_class"].astype(str).to_numpy()
    kind = np.full(len(rows), KINDS[2], object)
    kind[rows["first"].to_numpy() == truth] = KINDS[0]
    kind[rows["second"].to_numpy() == truth] = KINDS[1]
    rows["kind"] = kind
    sure = np.minimum(rows["first_score"], rows["second_score"]).to_numpy()
    ordered: pd.DataFrame = rows.iloc[np.argsort(-sure, kind="stable")].reset_index(drop=True)
    return ordered
