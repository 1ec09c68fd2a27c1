"""The report page: downloads of a run, what made it, and all runs of a study."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import streamlit as st

from nscweb.core.flags import flag
from nscweb.core.runs import Run
from nscweb.core.samples import Study
from nscweb.services import dashboard, export, report, runs
from nscweb.services.context import App
from nscweb.ui import cached, show
from nscweb.ui.text import duration, when

CSV = "text/csv"


def downloads(app: App, run: Run) -> None:
    """Cells, samples, groups, provenance and the zip with all of it; made when the button is pressed."""
    data = cached.dashboard_data(app, run, dashboard.Filters())
    prefix = run.run_id + ("_simulated" if data.simulated else "")
    items: list[tuple[str, str, Callable[[], bytes], str, str, str]] = [
        (
            "Everything (ZIP)",
            f"{prefix}.zip",
            lambda: report.run_zip(app, run).read_bytes(),
            "application/zip",
            ":material/folder_zip:",
            "All tables below, the model card, the findings, the sample sheet and the provenance.",
        ),
        (
            "Cells (CSV)",
            f"{prefix}_cells.csv",
            lambda: export.cells_csv(app, run),
            CSV,
            ":material/table:",
            "One line per cell: object number, file, score of each class, predicted class, flags.",
        ),
        (
            "Samples (CSV)",
            f"{prefix}_samples.csv",
            lambda: export.samples_csv(data),
            CSV,
            ":material/table:",
            "One line per sample: counts and ratios of each class with 95 % intervals.",
        ),
        (
            "Groups (CSV)",
            f"{prefix}_groups.csv",
            lambda: export.groups_csv(data),
            CSV,
            ":material/table:",
            "One line per inducer group, time point and class: mean, SD, SEM and 95 "
            "% interval over replicates.",
        ),
        (
            "Provenance (JSON)",
            f"{prefix}_provenance.json",
            lambda: export.provenance_json(app, run, dashboard.Filters()),
            "application/json",
            ":material/history:",
            "Model, hash of the weights, versions, settings and warnings of this run.",
        ),
    ]
    with st.container(horizontal=True):
        for label, name, make, mime, icon, tip in items:
            st.download_button(
                label,
                make,
                file_name=name,
                mime=mime,
                icon=icon,
                help=tip,
                key=f"report_{name}",
                on_click="ignore",
                type="primary" if mime == "application/zip" else "secondary",
            )
    words = ", ".join(flag(name).label for name in dashboard.DEFAULT_EXCLUDED)
    st.caption(
        f"The tables hold the numbers that the dashboard opens with. Cells that are flagged ({words}) are listed "
        "in the cells table, but not counted."
    )


def provenance(run: Run) -> None:
    """Everything needed to make the run again."""
    made = run.provenance
    show.key_values(
        {
            "Run": run.run_id,
            "Study": f"{made.study} ({made.study_id})",
            "Cells": f"{run.cells:,}" + (" (simulated)" if made.simulated_cells else ""),
            "Channel": made.channel,
            "Model": f"{made.model} {made.model_version}"
            + (" (trained on simulated cells)" if made.simulated_training else ""),
            "Classes": ", ".join(run.class_names),
            "Started": when(made.started_utc),
            "Took": duration(made.seconds),
            "SHA-256 of the weights": made.weights_sha256,
            "SHA-256 of the cells": made.cells_sha256,
            "Settings": ", ".join(f"{key} {value}" for key, value in made.settings.items()),
            "Versions": ", ".join(f"{key} {value}" for key, value in made.versions.items()),
        }
    )


def runs_table(app: App, study: Study) -> None:
    """Every run of a study, newest first."""
    rows = [
        {
            "Run": run.run_id,
            "Model": f"{run.model} {run.provenance.model_version}",
            "Cells": run.cells,
            "Channel": run.provenance.channel,
            "Started": when(run.provenance.started_utc),
            "Took": duration(run.provenance.seconds),
            "Weights": run.provenance.weights_sha256[:12],
        }
        for run in runs.list_runs(app, study.study_id)
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True)
