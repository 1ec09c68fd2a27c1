"""What stands behind the numbers of a comparison and belongs into its sentence: what was left out, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.core.rules import FEWEST_CELLS

if TYPE_CHECKING:
    from nscweb.services.compare.result import Comparison
    from nscweb.words.headline import Answer, Facts


def cells_counted(found: Comparison) -> int:
    """Cells behind the ratios shown: corrected ratios rest on more cells than pass the filter by confidence."""
    return int(found.estimates.table.drop_duplicates("sample_id")["cells"].sum())


def cells_left_out(found: Comparison) -> dict[str, int]:
    """Reason in plain words -> cells that are not behind the ratios; with `cells_counted` all cells of the run."""
    spared = cells_counted(found) - found.data.kept
    # Confidence is the last filter, so that the cells it alone leaves out are those that the ratios still use.
    last = next((name for name in reversed(found.data.dropped) if name.startswith("confidence")), "")
    left = {**found.data.dropped, last: found.data.dropped[last] - spared} if last else found.data.dropped
    return {reason: number for reason, number in left.items() if number}


def facts_of(found: Comparison, fate: str, time_h: float) -> Facts:
    """What stands behind the numbers of one fate and time point."""
    from nscweb.words.headline import Facts

    groups, filters = found.groups, found.filters
    of_fate = groups[_at(groups, time_h) & (groups["class"] == fate).to_numpy(bool)]
    why = [text for text in of_fate["why"] if text]
    samples = found.estimates.table.drop_duplicates("sample_id")
    samples = samples[_at(samples, time_h)]
    options = found.data.options
    elsewhere = np.asarray(found.estimates.elsewhere, np.float64)
    return Facts(
        method=found.estimates.method,
        control=found.control,
        control_marked=found.control in {item.group for item in found.data.sheet if item.control},
        adjust=found.adjust,
        simulated_cells=found.run.provenance.simulated_cells,
        simulated_training=found.run.provenance.simulated_training,
        why_lost=why[0] if why else "",
        # Cells without a time cannot be matched to any; the sentence on the way of counting says so.
        other_times=bool((elsewhere == time_h).any()),
        least_score=filters.min_confidence if found.estimates.method == "naive" else 0.0,
        hidden_groups=len(set(options.groups) - set(filters.groups)) if filters.groups else 0,
        hidden_replicates=len(set(options.replicates) - set(filters.replicates)) if filters.replicates else 0,
        emptied=_emptied(found, time_h),
        red=_red(samples, found.lights),
        small=_small(found, fate, time_h),
        fewest=found.errors.fewest,
        outlying=_outlying(found, fate, time_h),
        unnamed=frozenset(samples.loc[(samples["replicate"] == "").to_numpy(bool), "group"].astype(str)),
    )


def about_group(found: Comparison, group: str, fate: str, time_h: float) -> Answer:
    """The answer on a group that was asked for by name, against the group chosen or every other one."""
    from nscweb.words.asked_group import about

    return about(found.groups, found.tests, fate, time_h, group, facts_of(found, fate, time_h))


def _at(table: pd.DataFrame, time_h: float) -> NDArray[np.bool_]:
    hours = table["time_h"].to_numpy(np.float64)
    return np.asarray(np.isnan(hours) if np.isnan(time_h) else hours == time_h, bool)


def _emptied(found: Comparison, time_h: float) -> tuple[str, ...]:
    """Groups that were recorded then and are part of the question, but have no cell left; never control samples."""
    samples = found.data.samples
    samples = samples[_at(samples, time_h) & ~samples["sample_id"].isin(found.data.controls).to_numpy(bool)]
    left = found.groups.loc[_at(found.groups, time_h), "group"].astype(str)
    return tuple(sorted(set(samples["group"].astype(str)) - set(left)))


def _red(samples: pd.DataFrame, lights: dict[str, str]) -> dict[str, tuple[int, int]]:
    """Red samples of each group, and all of its samples."""
    red = samples["sample_id"].map(lambda name: lights.get(str(name), "") == "red")
    counted = red.groupby(samples["group"].astype(str)).agg(["sum", "size"])
    return {str(row[0]): (int(row[1]), int(row[2])) for row in counted.itertuples()}


def _outlying(found: Comparison, fate: str, time_h: float) -> dict[str, str]:
    """Groups whose replicates vary more than those of other groups, with a few words on it."""
    names = found.groups.loc[_at(found.groups, time_h), "group"].astype(str).unique().tolist()
    told = ((name, found.errors.outlying(time_h, fate, name)) for name in names)
    return {name: item.words for name, item in told if item is not None}


def _small(found: Comparison, fate: str, time_h: float) -> dict[str, tuple[int, int]]:
    """Replicates of too few cells in each group that has some, and all of its replicates with a ratio."""
    rows = found.replicate_rows
    rows = rows[_at(rows, time_h) & ((rows["class"] == fate) & rows["recovered"]).to_numpy(bool)]
    few = (rows["cells"] < FEWEST_CELLS).groupby(rows["group"].astype(str)).agg(["sum", "size"])
    return {str(row[0]): (int(row[1]), int(row[2])) for row in few.itertuples() if row[1]}
