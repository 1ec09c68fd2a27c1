"""Which cells to label by hand next: those that teach most, and among them a tenth that is asked blindly.

A tenth of the cells of a study, drawn once at random, is a reserve: it is never chosen by what teaches most, and only
asked blindly. So the labels of the reserve are like those of the whole study, and say how good a model is; whoever
labels does not see which cell is which.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.core.errors import WrongUse
from nscweb.core.flags import LEFT_OUT, pack
from nscweb.core.run_record import Run
from nscweb.core.streams import stream
from nscweb.services.kept import kept
from nscweb.services.labels.labels import Drawn, How, labels_of, object_numbers
from nscweb.services.predict.run_cells import cells_key
from nscweb.services.predict.runs import get_run, prediction_table
from nscweb.services.study.gates import get_gates
from nscweb.services.study.pixels import split_id
from nscweb.services.study.quality import flags_of, read_quality
from nscweb.store.cell_files import CellFile

if TYPE_CHECKING:
    from nscweb.services.context import App

Order = Literal["uncertain", "disagreeing", "far", "random"]
ORDERS: dict[Order, str] = {
    "uncertain": "the model is unsure",
    "disagreeing": "labels disagree, or the model with a label",
    "far": "unlike the other cells",
    "random": "drawn at random",
}
"""What teaches most, in words."""
NEEDS_RUN: tuple[Order, ...] = ("uncertain",)
RESERVE = 0.1
# Measures by which a cell is unlike the others.
_MEASURES = ("area_px", "aspect_ratio", "circularity", "contrast", "focus", "gradient_rms", "object_intensity")
# One measure that is far off must not outweigh all others.
_FARTHEST = 10.0


@dataclass(frozen=True)
class AskedCell:
    """A cell to label.

    Attributes:
        cell_id, sample, object_number: which it is.
        how, drawn: what `add_labels` is told of its label.
    """

    cell_id: str
    sample: str
    object_number: int
    how: How
    drawn: Drawn


def ask(
    app: App,
    study: str,
    order: Order,
    who: str,
    count: int,
    *,
    run: Run | str | None = None,
    passed_over: Collection[str] = (),
) -> list[AskedCell]:
    """The next cells for a person to label, in a mixed order; fewer where no more are left.

    Of those that a model or the labels choose, the ones that nobody has labelled come first, and no sample has many
    more than its share. Cells that quality gates leave out are not asked.

    Args:
        order: what teaches most.
        who: the person; cells that he has labelled are not asked again.
        count: so many cells.
        run: whose scores say what is uncertain and where the model disagrees.
        passed_over: cell ids that he did not want to label.

    Raises:
        StudyNotFound: no such study.
        WrongUse: the order needs a run.
    """
    if order in NEEDS_RUN and run is None:
        raise WrongUse(
            "What the model is unsure of is known after a prediction only.",
            "Predict the study, or ask for cells that are unlike the others or drawn at random.",
        )
    cells = _askable(app, app.catalogue.study(study).study_id)
    labels = labels_of(app, study)
    done = set(labels.loc[labels["who"] == who.strip(), "cell_id"]) | set(passed_over)
    free = cells[~cells["cell_id"].isin(done)]
    if order == "random":
        return [_asked(row, "hand", "random") for row in free.nsmallest(count, "lot").to_dict("records")]
    reserve = free[free["reserve"]].nsmallest(_blind(count), "lot")
    others = free[~free["reserve"]]
    others = others.assign(value=_value(app, study, order, run, others, labels))
    if order != "disagreeing":
        others["new"] = ~others["cell_id"].isin(set(labels["cell_id"]))
    else:
        others = others[others["value"] > 0].assign(new=True)
    picked = _spread(others.sort_values(["new", "value", "lot"], ascending=[False, False, True]), count - len(reserve))
    asked = [_asked(row, "blind", "random") for row in reserve.to_dict("records")]
    asked += [_asked(row, "hand", order) for row in picked.to_dict("records")]
    # Where the blind ones stand must tell nothing, and the same page must come again.
    mixed = stream(0, "order of asked cells", *(item.cell_id for item in asked)).permutation(len(asked))
    return [asked[place] for place in mixed]


def images_to_label(
    app: App, study: str, asked: Collection[AskedCell], channel: str = ""
) -> dict[str, NDArray[np.uint8]]:
    """Cell id -> (h, w) picture for people, in the brightfield channel of the study or another one of it.

    Raises:
        StudyNotFound: no such study.
    """
    from nscweb.services.study.pixels import display

    found = app.catalogue.study(study)
    pictures: dict[str, NDArray[np.uint8]] = {}
    for cell in asked:
        key, row = split_id(cell.cell_id)
        with CellFile(app.folder.cells_path(found.study_id, key)) as cells:
            (pixels,) = cells.take([row], channel or found.channel)
        pictures[cell.cell_id] = np.full((8, 8), 140, np.uint8) if pixels is None else display(pixels[0])
    return pictures


def _blind(count: int) -> int:
    return max(1, round(count * RESERVE))


def _asked(row: Mapping[Any, Any], how: How, drawn: Drawn) -> AskedCell:
    return AskedCell(str(row["cell_id"]), str(row["sample"]), int(row["object_number"]), how, drawn)


def _spread(cells: pd.DataFrame, count: int) -> pd.DataFrame:
    """The first cells, but from no sample many more than its share while others have some."""
    most = -(-2 * count // max(1, cells["sample"].nunique()))
    turn = cells.groupby("sample", sort=False).cumcount() // max(1, most)
    return cells.iloc[np.argsort(turn.to_numpy(), kind="stable")].head(count)


def _value(
    app: App, study: str, order: Order, run: Run | str | None, cells: pd.DataFrame, labels: pd.DataFrame
) -> NDArray[np.float64]:
    if order == "far":
        return cells["far"].to_numpy(np.float64)
    if order == "uncertain" and run is not None:
        entropy = _scores(app, run)["entropy"].reindex(cells["cell_id"])
        return entropy.fillna(-1.0).to_numpy(np.float64)
    # Two labels that differ weigh more than a label that differs from the model, however sure that is.
    different = (labels.groupby("cell_id")["class"].nunique() > 1).astype(float)
    value = np.array(different.reindex(cells["cell_id"]).fillna(0.0), np.float64)
    if run is not None:
        scores = _scores(app, run).reindex(cells["cell_id"])
        one = labels.drop_duplicates("cell_id").set_index("cell_id")["class"].reindex(cells["cell_id"])
        both = (one.notna() & scores["predicted"].notna().to_numpy()).to_numpy(bool)
        against = both & (one.to_numpy(object) != scores["predicted"].to_numpy(object))
        value[against] += scores["confidence"].to_numpy(np.float64)[against]
    return value


@kept(2, lambda app, run: cells_key(app, run))
def _scores(app: App, run: Run | str) -> pd.DataFrame:
    """Of each cell of a run: ``entropy`` of its scores (nats), ``predicted``, ``confidence``; by cell id."""
    found = get_run(app, run)
    table = prediction_table(app, found)
    scores = table[[f"p_{name}" for name in found.class_names]].to_numpy(np.float64)
    logs = np.log(np.clip(scores, 1e-12, 1.0))
    return pd.DataFrame(
        {
            "entropy": -(scores * logs).sum(axis=1),
            "predicted": table["predicted"].astype(str).to_numpy(object),
            "confidence": table["confidence"].to_numpy(np.float64),
        },
        index=pd.Index(table["cell_id"].astype(str)),
    )


def _askable_key(app: App, study_id: str) -> tuple[object, ...]:
    keys = tuple(app.catalogue.sample_keys(study_id).items())
    return (app.settings.data_dir, study_id, keys, get_gates(app, study_id).digest())


@kept(2, _askable_key)
def _askable(app: App, study_id: str) -> pd.DataFrame:
    """Cells that gates keep: ``cell_id``, ``sample``, ``object_number``, ``lot``, ``reserve``, ``far``."""
    keys = app.catalogue.sample_keys(study_id)
    parts = []
    for sample in app.catalogue.study(study_id).samples:
        if not sample.cells:
            continue
        key = keys[sample.name]
        rows = np.flatnonzero((flags_of(app, study_id, key, sample.cells) & pack(LEFT_OUT)) == 0)
        # The lot of a cell depends on nothing but the cell, so that later samples do not move the reserve.
        lot = stream(0, "cells asked blindly", study_id, key).random(sample.cells)
        part = {
            "cell_id": [f"{key}:{row}" for row in rows],
            "sample": sample.name,
            "object_number": object_numbers(app, study_id, key)[rows],
            "lot": lot[rows],
        }
        path = app.folder.quality_path(study_id, key)
        measured = read_quality(path)[list(_MEASURES)].to_numpy(np.float64)[rows] if path.exists() else None
        parts.append(pd.DataFrame(part).assign(**dict(zip(_MEASURES, _columns(measured, len(rows)), strict=True))))
    columns = ["cell_id", "sample", "object_number", "lot", *_MEASURES]
    cells = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
    cells["reserve"] = cells["lot"] < RESERVE
    cells["far"] = _far(cells[list(_MEASURES)].to_numpy(np.float64))
    return cells.drop(columns=list(_MEASURES))


def _columns(measured: NDArray[np.float64] | None, cells: int) -> list[NDArray[np.float64]]:
    return list(np.zeros((len(_MEASURES), cells)) if measured is None else measured.T)


def _far(measured: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N,) root mean square distance from the median cell, each measure in its own robust spread."""
    if not len(measured):
        return np.zeros(0)
    middle = np.nanmedian(measured, axis=0)
    spread = 1.4826 * np.nanmedian(np.abs(measured - middle), axis=0)
    away = np.abs(measured - middle) / np.where(spread > 0, spread, np.inf)
    return np.asarray(np.sqrt(np.nanmean(np.minimum(np.nan_to_num(away), _FARTHEST) ** 2, axis=1)), np.float64)
