"""The tables of the statistics on the page Compare: which of their columns are shown, and all of them as CSV."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import streamlit as st

from nscweb.core.run_record import Run
from nscweb.evaluation.ratios.cell_filters import Filters
from nscweb.figures.group_marks import counted_how
from nscweb.services.compare.group_lights import with_light
from nscweb.services.compare.group_tables import GROUP_TABLES
from nscweb.services.compare.result import Comparison
from nscweb.services.compare.statistics import for_file
from nscweb.services.report import export
from nscweb.services.report.parts import BY_NAME
from nscweb.ui import dataframes
from nscweb.ui.filters import time_word
from nscweb.ui.text import plain

# Table of the report -> its columns that a page shows.
SHOWN: dict[str, tuple[str, ...]] = {
    **{table.name: table.shown for table in GROUP_TABLES},
    "Counted cells": (
        "time",
        "class",
        "group",
        "predicted_percent",
        "low_percent",
        "high_percent",
        "hand_percent",
        "hand_low_percent",
        "hand_high_percent",
        "hand_counted",
        "hand_unit",
        "difference_points",
        "p_adjusted",
        "p_unadjusted",
        "replicates",
        "source",
        "note",
    ),
    "Earliest day": ("group", "class", "earliest_h", "direction", "sentence"),
    "Dose curves": (
        "class",
        "ec50",
        "ec50_low",
        "ec50_high",
        "dose_unit",
        "bottom_percent",
        "top_percent",
        "p_unadjusted",
        "replicates",
        "note",
    ),
}


@dataclass(frozen=True)
class Origin:
    """Run, filters and comparison behind the tables, for names of files and for what each line of a CSV says."""

    run: Run
    filters: Filters
    found: Comparison | None = None

    @property
    def simulated(self) -> bool:
        return self.run.provenance.simulated_cells

    @property
    def counted(self) -> str:
        """How ratios were counted, in words; "" where it is not known."""
        return counted_how(self.found.method) if self.found is not None else ""

    def file(self, what: str) -> str:
        """Name of a download without its ending."""
        return f"{self.run.run_id}_{what}" + ("_simulated" if self.simulated else "")

    def lit(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The frame with the trust light of each line, where the comparison behind it is known."""
        return frame if self.found is None else with_light(frame, self.found)

    def csv(self, frame: pd.DataFrame, table: str) -> bytes:
        """A table of the report (its name in `parts.PARTS`, or that of a figure's data) as CSV, with its lights."""
        return export.run_csv(self.lit(frame), table, self.run)


def origin_of(run: Run, data: object) -> Origin:
    """The run with the filters of a comparison, or none where it has none."""
    found = getattr(data, "filters", None)
    known = data if isinstance(data, Comparison) else None
    return Origin(run, found if isinstance(found, Filters) else Filters(), known)


def minded(rows: pd.DataFrame) -> list[str]:
    """Sentences that belong above every test: samples that the model may not fit.

    Args:
        rows: replicate rows, with the column ``light`` where samples were judged.
    """
    said = []
    if "light" in rows:
        marked = rows[rows["light"].isin(["yellow", "red"])].drop_duplicates(["group", "time_h", "light"])
        places = [
            f"{named(group)}{'' if pd.isna(hours) else ' at ' + time_word(float(hours))} ({light})"
            for group, hours, light in zip(marked["group"], marked["time_h"], marked["light"], strict=True)
        ]
        if places:
            more = f" and {len(places) - 8} more" if len(places) > 8 else ""
            said.append(
                "The model may not fit some samples, and they count in everything below: "
                f"{', '.join(places[:8])}{more}."
            )
    return said


def show_table(table: str, data: pd.DataFrame, origin: Origin, *, family: str = "") -> None:
    """A table of the report, its main columns on the page and all of it as CSV below, named as in the report.

    Args:
        table: its name in the report, key of `SHOWN`.
        family: over what its p values were adjusted together, see `services.compare.statistics.for_file`.
    """
    full, name = for_file(data, family), BY_NAME[table].file.removesuffix(".csv")
    dataframes.show_frame(full, table, SHOWN[table])
    st.download_button(
        "This table (CSV)",
        origin.csv(full, table),
        file_name=f"{origin.file(name)}.csv",
        mime="text/csv",
        icon=":material/table:",
        key=f"table_{name}_csv",
        on_click="ignore",
        type="tertiary",
    )


def named(group: object) -> str:
    """Name of a group for people."""
    return plain(group) or dataframes.NO_GROUP
