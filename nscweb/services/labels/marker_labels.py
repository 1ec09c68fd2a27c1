"""Labels from markers: one marker above its threshold names the class; two or none leave the cell out, counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.core.errors import WrongUse
from nscweb.core.run_record import Run
from nscweb.services.labels.labels import Labelled, add_labels, labels_of
from nscweb.services.labels.marker_table import marker_table
from nscweb.services.labels.marker_thresholds import MarkerSettings, Threshold, set_markers, thresholds
from nscweb.services.predict.runs import get_run, prediction_table
from nscweb.services.study.pixels import split_id
from nscweb.store.cell_files import CellFile
from nscweb.words.numbers import count, listed

if TYPE_CHECKING:
    from nscweb.services.context import App

WHO = "markers"
"""The labeller of labels from markers."""
# White of the pictures, in thresholds: a nucleus is brighter than the mean of its cell.
_WHITE = 4.0
LEFT_OUT: dict[str, str] = {
    "double": "positive in two",
    "none": "positive in none",
    "gates": "left out by quality gates",
    "controls": "of control samples",
    "not measured": "without image or outline",
}
"""Why a cell gets no label, in words."""


@dataclass(frozen=True)
class MarkerVerdicts:
    """What the markers say of every cell.

    Attributes:
        table: ``cell_id``, ``sample``, ``object_number``, ``class`` ("" where none), ``why`` (key of `LEFT_OUT` or "").
        thresholds: channel -> threshold that was used.
        sentence: cells by class and left out, in words.
    """

    table: pd.DataFrame
    thresholds: dict[str, Threshold]
    sentence: str


def marker_verdicts(app: App, study: str, settings: MarkerSettings) -> MarkerVerdicts:
    """Which class the markers give to each cell; nothing is stored.

    Raises:
        StudyNotFound: no such study.
        WrongUse: no marker stands for a class, or the markers are not measured.
    """
    found = app.catalogue.study(study)
    naming = [marker for marker in settings.markers if marker.class_name]
    if not naming:
        raise WrongUse("No marker stands for a class yet.", "Say which class each marker stands for.")
    limits = thresholds(app, found.study_id, settings)
    table = marker_table(app, found.study_id)
    light = {marker.channel: table[f"{marker.channel}_intensity"].to_numpy(np.float64) for marker in naming}
    known = np.all([np.isfinite(values) for values in light.values()], axis=0)
    classes = sorted({marker.class_name for marker in naming})
    positive = np.zeros((len(classes), len(table)), bool)
    for marker in naming:
        with np.errstate(invalid="ignore"):
            positive[classes.index(marker.class_name)] |= light[marker.channel] > limits[marker.channel].value
    number = positive.sum(axis=0)
    why = np.where(number > 1, "double", np.where(number == 0, "none", "")).astype(object)
    why[~known] = "not measured"
    why[~table["kept"].to_numpy(bool)] = "gates"
    why[table["sample"].isin(list(settings.controls)).to_numpy(bool)] = "controls"
    names = np.where(why == "", np.array(classes, object)[positive.argmax(axis=0)], "")
    made = table[["cell_id", "sample", "object_number"]].assign(**{"class": names, "why": why})
    return MarkerVerdicts(made, limits, _sentence(made))


def label_by_markers(app: App, study: str, settings: MarkerSettings) -> Labelled:
    """Keep the settings and label the cells by them; earlier labels from markers give way, also where none is now.

    Raises:
        StudyNotFound, WrongUse: as `marker_verdicts`; also where no cell gets a label.
    """
    verdicts = marker_verdicts(app, study, settings)
    named = verdicts.table[verdicts.table["class"] != ""]
    if not len(named):
        raise WrongUse("No cell is positive in one marker alone.", "Look at the thresholds.", "E-MARKERS-NONE")
    set_markers(app, study, settings)
    before = labels_of(app, study)
    gone = sorted(set(before.loc[before["who"] == WHO, "cell_id"]) - set(named["cell_id"]))
    note = "; ".join(
        f"{limit.marker.title} over {limit.value:.4g} is {limit.marker.class_name} ({limit.method})"
        for limit in verdicts.thresholds.values()
        if limit.marker.class_name
    )
    cells, classes = [*named["cell_id"], *gone], [*named["class"], *[""] * len(gone)]
    done = add_labels(app, study, cells, classes, "marker", WHO, note=note)
    return Labelled(done.act, len(named), verdicts.sentence)


def marker_against_medium(app: App, study: str) -> pd.DataFrame:
    """How labels from markers and the classes of samples, mostly the medium, agree.

    Returns:
        One row per medium: ``medium`` (true class of the sample, else its group), ``cells`` with a label from markers,
        ``n_<class>`` of each, and ``agree`` (0 to 1), NaN where the medium is no class. Empty without such labels.

    Raises:
        StudyNotFound: no such study.
    """
    found = app.catalogue.study(study)
    rows = labels_of(app, found.study_id)
    rows = rows[rows["how"] == "marker"].drop_duplicates("cell_id", keep="last")
    media = {sample.name: sample.true_class or sample.group for sample in found.samples}
    rows = rows.assign(medium=rows["sample"].map(media))
    classes = sorted(rows["class"].astype(str).unique())
    truths = {sample.true_class for sample in found.samples if sample.true_class}
    made = []
    for medium, part in rows.groupby("medium", sort=True):
        counts = {f"n_{name}": int((part["class"] == name).sum()) for name in classes}
        agree = float((part["class"] == medium).mean()) if medium in truths else np.nan
        made.append({"medium": str(medium), "cells": len(part), **counts, "agree": agree})
    return pd.DataFrame(made, columns=["medium", "cells", *(f"n_{name}" for name in classes), "agree"])


def marker_against_prediction(app: App, run: Run | str) -> pd.DataFrame:
    """Predicted ratios beside those by markers, per sample and class, over the same cells: those with such a label.

    Returns:
        ``sample``, ``group``, ``time_h``, ``class``, ``cells``, ``marker`` and ``predicted`` (shares, 0 to 1),
        ``difference`` (predicted minus marker) and ``same`` (share of the cells of which both say the same). Empty
        without such labels.

    Raises:
        StoreError: there is no such run or its table is damaged.
    """
    found = get_run(app, run)
    labels = labels_of(app, found.study_id)
    labels = labels[labels["how"] == "marker"].drop_duplicates("cell_id", keep="last")
    said = prediction_table(app, found)[["cell_id", "sample_id", "group", "time_h", "predicted"]]
    rows = said.assign(cell_id=said["cell_id"].astype(str)).merge(labels[["cell_id", "class"]], on="cell_id")
    names = sorted({*labels["class"].astype(str), *found.class_names})
    made = []
    for sample, part in rows.groupby("sample_id", sort=False, observed=True):
        by_model, by_marker = part["predicted"].astype(str), part["class"].astype(str)
        same = float((by_model.to_numpy() == by_marker.to_numpy()).mean())
        for name in names:
            marker, predicted = float((by_marker == name).mean()), float((by_model == name).mean())
            if marker or predicted:
                made.append(
                    {
                        "sample": str(sample),
                        "group": str(part["group"].iloc[0]),
                        "time_h": part["time_h"].iloc[0],
                        "class": name,
                        "cells": len(part),
                        "marker": marker,
                        "predicted": predicted,
                        "difference": predicted - marker,
                        "same": same,
                    }
                )
    columns = ["sample", "group", "time_h", "class", "cells", "marker", "predicted", "difference", "same"]
    return pd.DataFrame(made, columns=columns)


def agreement_sentence(table: pd.DataFrame) -> str:
    """How far medium and markers agree, over all media that are classes; "" where nothing can be said."""
    known = table.dropna(subset=["agree"])
    if not len(known):
        return ""
    cells = known["cells"].to_numpy(np.float64)
    agree = float((known["agree"].to_numpy(np.float64) * cells).sum() / cells.sum())
    worst = known.sort_values("agree", kind="stable").iloc[0]
    return (
        f"Markers and medium say the same of {100 * agree:.0f} % of {int(cells.sum()):,} cells; least in "
        f"{worst['medium']} ({100 * float(worst['agree']):.0f} %). A model that learns the medium is taught the others "
        "wrongly."
    )


def examples(app: App, study: str, limit: Threshold, count_of_each: int = 6) -> tuple[list[str], list[str]]:
    """Ids of cells just below and just above a threshold, of those that gates keep; nearest first.

    Raises:
        StudyNotFound: no such study.
    """
    table = marker_table(app, app.catalogue.study(study).study_id)
    table = table[table["kept"]]
    values = table[f"{limit.marker.channel}_intensity"]
    below = table.loc[values[values <= limit.value].nlargest(count_of_each).index, "cell_id"]
    above = table.loc[values[values > limit.value].nsmallest(count_of_each).index, "cell_id"]
    return list(below), list(above)


def marker_pictures(app: App, study: str, cells: Sequence[str], limit: Threshold) -> list[NDArray[np.uint8]]:
    """(h, w) pictures of cells in a marker channel, all on one scale: black is the background of the cell, white four
    times the threshold above it.

    Raises:
        StudyNotFound: no such study.
    """
    found = app.catalogue.study(study)
    table = marker_table(app, found.study_id).set_index("cell_id")
    channel, pictures = limit.marker.channel, []
    for cell in cells:
        key, row = split_id(cell)
        with CellFile(app.folder.cells_path(found.study_id, key)) as file:
            (pixels,) = file.take([row], channel)
        background = float(table[f"{channel}_background"][cell])
        light = np.zeros((8, 8)) if pixels is None else pixels[0].astype(np.float64) - background
        grey = np.clip(light / max(_WHITE * limit.value, 1e-9), 0.0, 1.0)
        pictures.append(np.asarray(np.rint(255 * grey), np.uint8))
    return pictures


def light_by_kind(
    app: App, study: str, settings: MarkerSettings, channel: str
) -> tuple[NDArray[np.float64], NDArray[np.object_]]:
    """Intensities of the cells that gates keep, and of each whether it is stained, a control, or stained for it alone.

    Raises:
        StudyNotFound: no such study.
    """
    from nscweb.figures.marker_histogram import CONTROLS, SINGLE, STAINED

    table = marker_table(app, app.catalogue.study(study).study_id)
    table = table[table["kept"]]
    own = set(settings.single.get(channel, ()))
    kinds = {name: SINGLE if name in own else CONTROLS for name in settings.controls}
    values = table[f"{channel}_intensity"].to_numpy(np.float64)
    return values, table["sample"].map(lambda name: kinds.get(name, STAINED)).to_numpy(object)


def _sentence(table: pd.DataFrame) -> str:
    counts = table["class"].value_counts()
    given = [f"{counts[name]:,} {name}" for name in sorted(counts.index) if name]
    whys = table["why"].value_counts()
    out = [f"{whys[why]:,} {words}" for why, words in LEFT_OUT.items() if why in whys.index]
    said = f"{listed(given, 9)} by markers." if given else "No cell gets a class by markers."
    left = count(int((table["class"] == "").sum()), "cell")
    return f"{said} {left} left out: {listed(out, 9)}." if out else said
