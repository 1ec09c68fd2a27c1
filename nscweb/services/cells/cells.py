"""Single cells of a run: a gallery that is sorted, filtered and paged."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.core.errors import WrongUse
from nscweb.core.flags import pack, unpack
from nscweb.core.run_record import Run
from nscweb.services.kept import kept
from nscweb.services.predict.run_cells import run_key
from nscweb.services.predict.runs import get_run, prediction_table, study_of
from nscweb.services.study.populations import made_populations, populations_of_cells

if TYPE_CHECKING:
    from nscweb.services.context import App

Sort = Literal["confidence", "uncertainty", "score", "object", "mixed"]
Truth = Literal["all", "right", "wrong", "unknown"]


@dataclass(frozen=True)
class CellFilter:
    """Which cells a gallery shows. Hashable, so that it can be part of a cache key.

    Attributes:
        sample: name of a sample, "" for all.
        predicted: predicted class, "" for all.
        true_class: true class, "" for all.
        truth: ``right`` or ``wrong`` predictions only, or those with ``unknown`` truth.
        min_confidence, max_confidence: range of the highest score.
        only_flags: cells that have one of these quality flags; empty for all.
        exclude_flags: cells with one of these are left out.
        population: only cells in this population or drawn gate, "" for all.
        sort: ``confidence`` surest first, ``uncertainty`` least sure first, ``score`` of `score_class`
            highest first, ``object`` in order of sample and object number, ``mixed`` a fixed shuffle.
        score_class: class whose score sorts, "" for the predicted one.
    """

    sample: str = ""
    predicted: str = ""
    true_class: str = ""
    truth: Truth = "all"
    min_confidence: float = 0.0
    max_confidence: float = 1.0
    only_flags: tuple[str, ...] = ()
    exclude_flags: tuple[str, ...] = ()
    population: str = ""
    sort: Sort = "confidence"
    score_class: str = ""


@dataclass(frozen=True)
class GalleryCell:
    """One cell for display.

    Attributes:
        cell_id: stable id, ``<sample key>:<row>``.
        sample: name of its sample.
        object_number: as the instrument numbered it.
        image: (h, w) uint8, scaled for display from native depth.
        scores: class -> probability.
        predicted, confidence, true_class: "" when the truth is not known.
        flags: names of quality flags.
        source: file or zip member that it came from.
    """

    cell_id: str
    sample: str
    object_number: int
    image: NDArray[np.uint8]
    scores: dict[str, float]
    predicted: str
    confidence: float
    true_class: str
    flags: tuple[str, ...]
    source: str = ""


@dataclass(frozen=True)
class GalleryPage:
    """Cells of one page of a gallery, and how many there are in all.

    Attributes:
        left_out: of `total`, those that ratios leave out unless a filter says otherwise: flagged cells and control
            samples.
    """

    cells: tuple[GalleryCell, ...]
    total: int
    offset: int
    pixel_size_um: float | None
    left_out: int = 0


def page_key(app: App, run: Run | str, *asked: Hashable, **named: Hashable) -> Hashable:
    """Key of what shows cells of a run: with the size of their pixels, which the scale bar needs."""
    study = study_of(app, get_run(app, run))
    made = repr(made_populations(app, study.study_id)) if study else ""
    return (run_key(app, run, *asked, **named), study and study.pixel_size_um, made)


@kept(24, page_key)
def gallery(
    app: App, run: Run | str, chosen: CellFilter | None = None, *, limit: int = 48, offset: int = 0
) -> GalleryPage:
    """One page of cells; the same filter and offset always give the same cells."""
    found = get_run(app, run)
    rows = matching_rows(app, found, chosen or CellFilter())
    page = rows.iloc[offset : offset + limit]
    study = study_of(app, found)
    return GalleryPage(
        tuple(gallery_cells(app, found, page)),
        len(rows),
        offset,
        study.pixel_size_um if study else None,
        int(_left_out(app, found, rows).sum()),
    )


def _left_out(app: App, run: Run, rows: pd.DataFrame) -> NDArray[np.bool_]:
    from nscweb.core.flags import LEFT_OUT
    from nscweb.services.predict.controls import no_results

    flagged = (rows["flags"].to_numpy(np.int64) & pack(LEFT_OUT)) > 0
    measures: NDArray[np.bool_] = rows["sample_id"].astype(str).isin(no_results(app, run)).to_numpy(bool)
    return np.asarray(flagged | measures, bool)


def matching_rows(app: App, run: Run | str, chosen: CellFilter) -> pd.DataFrame:
    """Rows of the prediction table that a filter keeps, in its order."""
    found = get_run(app, run)
    table = prediction_table(app, found)
    keep = np.ones(len(table), bool)
    for column, value in (
        ("sample_id", chosen.sample),
        ("predicted", chosen.predicted),
        ("true_class", chosen.true_class),
    ):
        if value:
            keep &= (table[column] == value).to_numpy()
    keep &= table["confidence"].between(chosen.min_confidence, chosen.max_confidence).to_numpy()
    flags = table["flags"].to_numpy()
    if chosen.only_flags:
        keep &= (flags & pack(chosen.only_flags)) > 0
    keep &= (flags & pack(chosen.exclude_flags)) == 0
    if chosen.population:
        keep &= _in_population(app, found, table, chosen.population)
    if chosen.truth != "all":
        truth = table["true_class"].astype(str).to_numpy()
        known = np.isin(truth, found.class_names)
        right = truth == table["predicted"].astype(str).to_numpy()
        keep &= {"right": known & right, "wrong": known & ~right, "unknown": ~known}[chosen.truth]
    return _sorted(table[keep], found, chosen)


def _in_population(app: App, run: Run, table: pd.DataFrame, population: str) -> NDArray[np.bool_]:
    keys = app.catalogue.sample_keys(run.study_id)
    members = populations_of_cells(app, run.study_id).get(population, {})
    ids = {f"{keys[sample]}:{row}" for sample, rows in members.items() for row in rows.tolist()}
    return np.asarray(table["cell_id"].astype(str).isin(ids).to_numpy(bool), bool)


def _sorted(rows: pd.DataFrame, run: Run, chosen: CellFilter) -> pd.DataFrame:
    if chosen.sort == "object":
        return rows
    if chosen.sort == "mixed":
        return rows.sample(frac=1.0, random_state=0)
    column, ascending = "confidence", chosen.sort == "uncertainty"
    if chosen.sort == "score" and chosen.score_class:
        if chosen.score_class not in run.class_names:
            raise WrongUse(
                f"The model of this run has no class {chosen.score_class!r}.",
                f"Choose one of: {', '.join(run.class_names)}.",
            )
        column = f"p_{chosen.score_class}"
    return rows.sort_values(column, ascending=ascending, kind="stable")


def gallery_cells(app: App, run: Run, rows: pd.DataFrame) -> list[GalleryCell]:
    """Rows of a prediction table with their images, in the same order."""
    from nscweb.services.study.pixels import display, images_of

    images = images_of(app, run, rows["cell_id"].tolist())
    return [_cell(run, row, display(pixels[0])) for row, pixels in zip(rows.to_dict("records"), images, strict=True)]


def _cell(run: Run, row: dict[Any, Any], image: NDArray[np.uint8]) -> GalleryCell:
    return GalleryCell(
        cell_id=str(row["cell_id"]),
        sample=str(row["sample_id"]),
        object_number=int(row["object_number"]),
        image=image,
        scores={name: float(row[f"p_{name}"]) for name in run.class_names},
        predicted=str(row["predicted"]),
        confidence=float(row["confidence"]),
        true_class=str(row["true_class"]),
        flags=unpack(int(row["flags"])),
        source=str(row["source"]),
    )
