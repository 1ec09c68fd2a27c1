"""Quality of a study on its page: what counts and why, how the samples were lit, features as a table."""

from __future__ import annotations

import streamlit as st

from nscweb.core.samples import Study
from nscweb.figures.flag_counts import quality_funnel, quality_funnel_data
from nscweb.figures.sample_illumination import FEATURES, illumination_data, illumination_dots
from nscweb.services.context import App
from nscweb.services.report import export
from nscweb.services.report.features import features_csv
from nscweb.services.study import gates
from nscweb.ui import cached, dataframes, figures, filters, show

_LIGHT_HELP = (
    "Measured where no cell is. Background level: how bright the empty image is. Slope: how much it differs from "
    "one side of the frame to the other. Stripes: differences between rows or columns of the camera. Noise: the "
    "grain. A network can tell groups apart by any of these, and its accuracy would then say nothing about cells."
)


def quality(app: App, study: Study) -> None:
    """Cells in, kept, flagged and why, then the light of the samples, then everything measured as a file."""
    table = gates.funnel(app, study.study_id)
    total, kept = int(table["imported"].sum()), int(table["kept"].sum())
    shown = [
        (item, int(table[item.name].sum()), int(table[f"{item.name}_alone"].sum())) for item in gates.flag_columns()
    ]
    shown = [(item, first, carry) for item, first, carry in shown if carry]
    show.facts(
        [
            ("Cells", f"{total:,}", ""),
            *(
                (f"Left out first: {item.label}", f"{first:,}", f"{carry:,} carry this flag")
                for item, first, carry in shown
            ),
            ("Counted by default", f"{kept:,}", f"{100 * kept / total:.1f} %" if total else ""),
        ]
    )
    words = ", ".join(item.label for item, _, _ in shown)
    st.caption(
        "Flagged cells stay in the study. Ratios leave them out by default"
        + (f" (here: {words}). Each cell is counted once, under the first reason that leaves it out" if words else "")
        + ". Where the limits lie is set under Gates; which flags count is chosen in the filters of the page "
        "Predict.",
        help=filters.FLAGS_HELP,
    )
    figures.choose_picture_format()
    figures.show_figure(
        quality_funnel(table, simulated=study.simulated),
        f"{study.study_id}_quality",
        export.study_csv(quality_funnel_data(table), "Funnel of flags", study),
        key="quality",
        alt="Bars: all cells, cells left out for each reason first and cells that carry its flag, cells counted",
    )
    _illumination(app, study)
    st.subheader("Everything measured")
    st.caption(
        "One line per cell: area, perimeter, aspect ratio, circularity, eccentricity, contrast, focus, intensity and "
        "more, its flags, and the columns and populations that came with the files."
        + ("" if study.pixel_size_um else " In pixels only, because the pixel size is not known.")
    )
    st.download_button(
        "Features of all cells (CSV)",
        lambda: features_csv(app, study.study_id),
        file_name=f"{study.study_id}_features.csv",
        mime="text/csv",
        icon=":material/table:",
        on_click="ignore",
        key="features_csv",
    )


def _illumination(app: App, study: Study) -> None:
    report = cached.light(app, study)
    st.subheader("Light of the samples", help=_LIGHT_HELP)
    if report.samples.empty:
        show.empty("No cells", "No sample of this study holds a cell.")
        return
    if report.warnings:
        show.warnings(report.warnings)
    elif report.checks:
        show.note("By none of these numbers alone can the groups of this study be told apart.")
    else:
        st.caption(
            "With two or more inducer groups in the sample sheet, it is checked whether the illumination differs."
        )
    feature = st.segmented_control(
        "Shown",
        list(FEATURES),
        default="background",
        required=True,
        format_func=lambda name: FEATURES[name].partition(" (")[0].capitalize(),
        key="illumination_feature",
        label_visibility="collapsed",
    )
    name = str(feature or "background")
    figures.show_figure(
        illumination_dots(report.samples, name, simulated=study.simulated),
        f"{study.study_id}_{name}",
        export.study_csv(illumination_data(report.samples, name), "Light", study),
        key="illumination",
        alt=f"Dots: {FEATURES[name]} of each sample, by inducer group",
    )
    shown = report.samples
    dataframes.show_frame(
        shown,
        "Light",
        ("sample", "group", "cells", "background", "noise", "slope_percent", "stripes_percent"),
        height=min(390, 38 + 35 * max(len(shown), 1)),
        key="illumination_table",
    )
