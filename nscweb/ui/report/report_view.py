"""The report page: downloads of a run, what made it, and all runs of a study."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from nscweb.core.columns import label
from nscweb.core.run_record import Run
from nscweb.core.samples import Study
from nscweb.services.context import App
from nscweb.services.predict import runs
from nscweb.services.report.workbook_sheets import settings_words
from nscweb.ui import show
from nscweb.ui.dataframes import show_frame
from nscweb.ui.report import report_files
from nscweb.ui.text import duration, when


def downloads(app: App, run: Run) -> None:
    """Everything that can be taken away, and how it is counted."""
    chosen = report_files.choose(app, run)
    show.warnings(chosen.found.data.warnings)
    if chosen.found.groups.empty:
        show.empty("No cell is left", "The filters leave out every cell. Widen them above.")
        return
    st.subheader("What holds for every file", anchor=False)
    report_files.what_applies(chosen)
    st.subheader("Files", anchor=False)
    report_files.files(app, run, chosen)
    st.subheader("Single tables", anchor=False)
    report_files.tables(app, run, chosen)
    st.caption(
        "Filters and choices are those of the pages Predict and Compare; what is changed here is changed there. Cells "
        "that filters or quality gates leave out are listed in the cells table, but not counted. Every line says "
        "what made it and, in the column trust_light, whether the model fits. To check a report later, or on another "
        "computer with the same study: nscweb rerun and the name of its HTML, ZIP or XLSX file."
    )


def provenance(run: Run) -> None:
    """Everything needed to make the run again."""
    made = run.provenance
    facts = {
        "run": run.run_id,
        "Study": f"{made.study} ({made.study_id})",
        "cells_predicted": f"{run.cells:,}" + (" (simulated)" if made.simulated_cells else ""),
        "channel": made.channel,
        "model": f"{made.model} {made.model_version}"
        + (" (trained on simulated cells)" if made.simulated_training else ""),
        "Classes": ", ".join(run.class_names),
        "started": when(made.started_utc),
        "took": duration(made.seconds),
        "SHA-256 of the weights": made.weights_sha256,
        "SHA-256 of the cells": made.cells_sha256,
        "Settings": settings_words(made.settings),
        "Versions": ", ".join(f"{key} {value}" for key, value in made.versions.items()),
    }
    show.key_values({label(name): value for name, value in facts.items()})


def runs_table(app: App, study: Study) -> None:
    """Every run of a study, newest first."""
    rows = [
        {
            "run": run.run_id,
            "model": f"{run.model} {run.provenance.model_version}",
            "cells_predicted": run.cells,
            "channel": run.provenance.channel,
            "started": when(run.provenance.started_utc),
            "took": duration(run.provenance.seconds),
            "weights": run.provenance.weights_sha256[:12],
        }
        for run in runs.list_runs(app, study.study_id)
    ]
    show_frame(pd.DataFrame(rows))
