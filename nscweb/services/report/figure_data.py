"""What the figures of the pages Predict and Compare draw, for all classes and time points at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from nscweb.services.compare.comparison import answer_of, default_fate, times_of
from nscweb.services.compare.result import Comparison
from nscweb.services.compare.score_spread import score_bins
from nscweb.services.compare.staining_counts import CIRCULAR

if TYPE_CHECKING:
    from nscweb.services.context import App

# File in figures/ and sheet -> which figure it is. Figures that are not here draw a table of the report as it is.
FIGURES: dict[str, tuple[str, str]] = {
    "ratios_stacked": ("Fig ratios over time", "stacked ratios over time, per cent (Predict)"),
    "means_over_time": ("Fig means", "means with intervals, per cent: heat map (Compare)"),
    "replicates_and_means": ("Fig replicates", "replicates, means and intervals, per cent (Compare)"),
    "differences": ("Fig differences", "differences from the control or the leader, points (Compare, Overview)"),
    "all_differences": ("Fig all differences", "differences adjusted together, points (Compare, Replicates and tests)"),
    "score_distribution": ("Fig scores of cells", "cells per bin of their score: grey shapes (Compare)"),
    "published_counts": ("Fig published counts", "per cent by immunofluorescence in Zhu et al. 2021 (Compare)"),
}
# Figures that draw a table of the report: figure -> table.
DRAWN_FROM: dict[str, str] = {
    "fates against time": "Time course",
    "first time point against the last": "First against last, Agreement",
    "ratios against dose": "Doses, Dose curves",
    "sets of classes": "Sets by group, Sets by sample",
    "reliability diagram": "Reliability",
    "recovered against true ratios": "Known mixtures",
    "how far samples lie from known ones": "Fit numbers",
}


def figure_tables(app: App, found: Comparison, fate: str = "", time_h: float | None = None) -> dict[str, pd.DataFrame]:
    """Name of `FIGURES` -> table; a figure without anything to draw is missing.

    Args:
        fate, time_h: groups stand in the order of the answer to these, as on the page.
    """
    from nscweb.figures.group_data import difference_data, group_data, landmarks, means_and_points, point_data
    from nscweb.figures.ratio_stacks import stacked_ratios_data
    from nscweb.words.marks import mark

    if found.groups.empty:
        return {}
    classes = found.classes
    order = answer_of(found, fate or default_fate(classes), time_h).order
    means = group_data(found.groups, order, classes.names)
    points = point_data(found.replicate_rows, order, classes.names)
    differences = []
    for name in classes.names:
        for hours in times_of(found):
            said = answer_of(found, name, hours)
            if found.control or said.verdict != "none":
                against = found.control or said.leader
                differences.append(difference_data(found.tests, said.order, name, hours, against))
    bins = score_bins(app, found.run, found.filters)
    lights = {
        (str(row["group"]), float(row["time_h"])): mark(str(row["light"]))
        for row in found.groups[["group", "time_h", "light"]].fillna({"time_h": -1.0}).to_dict("records")
    }
    keys = zip(bins["group"].astype(str), bins["time_h"].fillna(-1.0), strict=True)
    published = [landmarks(order, name).assign(**{"class": name}) for name in classes.names]
    if found.data.simulated:
        published = [part.assign(note=CIRCULAR) for part in published]
    tables = {
        "ratios_stacked": stacked_ratios_data(found.groups, classes, order),
        "means_over_time": means,
        "replicates_and_means": means_and_points(means, points).astype({"replicates": "Int64"}),
        "differences": _joined(differences),
        "score_distribution": bins.assign(light=[lights.get(key, "") for key in keys]),
        "published_counts": _joined(published),
    }
    return {name: table for name, table in tables.items() if len(table)}


def _joined(parts: list[pd.DataFrame]) -> pd.DataFrame:
    full = [part for part in parts if len(part)]
    return pd.concat(full, ignore_index=True) if full else pd.DataFrame()
