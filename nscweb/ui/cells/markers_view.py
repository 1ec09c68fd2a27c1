"""Labels from markers on a page: which marker is which class, thresholds with cells on both sides, what it gives."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import streamlit as st

from nscweb.core.run_record import Run
from nscweb.core.samples import Study
from nscweb.services.context import App
from nscweb.services.labels import marker_labels, marker_table
from nscweb.services.labels.labels import class_choices
from nscweb.services.labels.marker_thresholds import (
    METHODS,
    Marker,
    MarkerSettings,
    Threshold,
    marker_settings,
    spill_over,
    thresholds,
)
from nscweb.services.report import export
from nscweb.ui import figures, show
from nscweb.ui.cells import gallery
from nscweb.ui.dataframes import show_frame
from nscweb.ui.text import label, plain

_HELP = (
    "Cells whose light in a channel lies above a threshold are positive. A cell that is positive in one marker gets "
    "the class of that marker; one that is positive in two or in none gets no label and is counted."
)
_NO_CLASS = "no class"


def section(app: App, study: Study, run: Run | None) -> None:
    """Measure, set, look, label, and compare with medium and prediction."""
    if not marker_table.marker_channels(study):
        show.empty(
            "This study has no marker channel",
            "Import the study with its fluorescence channels; labels then come from what the cells are, not from where "
            "they grew.",
        )
        return
    if not marker_table.are_measured(app, study):
        show.note("The light of the markers in each cell is measured once.")
        if not st.button("Measure the markers", type="primary", icon=":material/straighten:", key="markers_measure"):
            return
        bar = st.progress(0.0)
        marker_table.measure_markers(
            app,
            study.study_id,
            progress=lambda done, total, step="": bar.progress(
                min(1.0, done / max(1, total)), label(f"{step}: {done:,} of {total:,} cells")
            ),
        )
        bar.empty()
    settings = _settings(app, study)
    limits = thresholds(app, study.study_id, settings)
    show.warnings(spill_over(app, study.study_id, settings))
    for place, marker in enumerate(settings.markers):
        if marker.class_name:
            _marker(app, study, settings, limits[marker.channel], place)
    if not any(marker.class_name for marker in settings.markers):
        show.note("Say above which class each marker stands for.")
        return
    verdicts = marker_labels.marker_verdicts(app, study.study_id, settings)
    st.caption(label(verdicts.sentence, 600))
    with st.container(horizontal=True):
        if st.button("Label these cells", type="primary", icon=":material/label:", key="markers_label"):
            done = marker_labels.label_by_markers(app, study.study_id, settings)
            st.session_state["labels_said"] = done.sentence
            st.rerun()
        st.download_button(
            "Measured light (CSV)",
            lambda: marker_table.markers_csv(app, study.study_id),
            file_name=f"{study.study_id}_markers.csv",
            mime="text/csv",
            icon=":material/table:",
            key="markers_csv",
            on_click="ignore",
        )
    compared(app, study, run)


def compared(app: App, study: Study, run: Run | None) -> None:
    """Labels from markers against the medium, and against a prediction; nothing before there are such labels."""
    table = marker_labels.marker_against_medium(app, study.study_id)
    if table.empty:
        return
    st.subheader("Markers against medium", help="The medium is the true class of the sample, else its group.")
    sentence = marker_labels.agreement_sentence(table)
    if sentence:
        st.caption(label(sentence, 400))
    show_frame(table, "Markers and medium")
    if run is None:
        return
    against = marker_labels.marker_against_prediction(app, run)
    if against.empty:
        return
    st.subheader("Predicted ratios against markers", help="Over the same cells: those with a label from markers.")
    shown = (
        "sample",
        "group",
        "time",
        "class",
        "cells",
        "by_markers_percent",
        "predicted_percent",
        "difference_points",
    )
    show_frame(against, "Markers and prediction", shown)


def _settings(app: App, study: Study) -> MarkerSettings:
    """The settings as the widgets have them, beginning with those that are kept or guessed."""
    kept = marker_settings(app, study.study_id)
    known = class_choices(app, study.study_id, [item.class_name for item in kept.markers if item.class_name])
    by_channel = {marker.channel: marker for marker in kept.markers}
    markers = []
    st.markdown("**Markers**", help=_HELP)
    for place, channel in enumerate(marker_table.marker_channels(study)):
        now = by_channel.get(channel, Marker(channel))
        left, middle, right = st.columns([1, 1, 1])
        name = left.text_input(
            f"Marker in {plain(channel)}", value=now.name, max_chars=60, key=f"marker_name_{study.study_id}_{place}"
        )
        choices = list(dict.fromkeys(["", *known]))
        class_name = middle.selectbox(
            "is the class",
            choices,
            index=choices.index(now.class_name) if now.class_name in choices else 0,
            format_func=lambda text: plain(text) if text else _NO_CLASS,
            accept_new_options=True,
            key=f"marker_class_{study.study_id}_{place}",
        )
        method = right.selectbox(
            "Threshold",
            list(METHODS),
            index=list(METHODS).index(now.method),
            format_func=lambda key: METHODS[key],
            key=f"marker_method_{study.study_id}_{place}",
        )
        marker = Marker(channel, str(name).strip(), str(class_name or "").strip(), method, now.threshold)
        if method == "by hand":
            marker = replace(marker, threshold=_by_hand(app, study, kept, marker, right, place))
        markers.append(marker)
    return _controls(study, replace(kept, markers=tuple(markers)))


def _by_hand(app: App, study: Study, kept: MarkerSettings, marker: Marker, where: Any, place: int) -> float:
    """The threshold that was typed; it begins with the one that the program would choose."""
    first = marker.threshold
    if not first:
        guess = replace(marker, method="auto")
        first = thresholds(app, study.study_id, replace(kept, markers=(guess,)))[marker.channel].value
    return float(
        where.number_input(
            "Grey values above the background",
            value=round(first, 1),
            step=max(0.1, round(first / 20, 1)),
            key=f"marker_by_hand_{study.study_id}_{place}",
        )
    )


def _controls(study: Study, settings: MarkerSettings) -> MarkerSettings:
    names = [sample.name for sample in study.samples]
    with st.expander("Control samples", icon=":material/science:", expanded=False):
        st.caption(
            "Unstained samples and samples with one stain alone set thresholds and show spill-over. The sheet may name "
            "them in a column Staining: unstained, or the marker."
        )
        unstained = st.multiselect(
            "Unstained",
            names,
            default=[name for name in settings.unstained if name in names],
            format_func=plain,
            key=f"markers_unstained_{study.study_id}",
        )
        single = {}
        for place, marker in enumerate(settings.markers):
            if not marker.class_name:
                continue
            single[marker.channel] = tuple(
                st.multiselect(
                    f"Stained for {plain(marker.title)} alone",
                    names,
                    default=[name for name in settings.single.get(marker.channel, ()) if name in names],
                    format_func=plain,
                    key=f"markers_single_{study.study_id}_{place}",
                )
            )
    return replace(settings, unstained=tuple(unstained), single={key: own for key, own in single.items() if own})


def _marker(app: App, study: Study, settings: MarkerSettings, limit: Threshold, place: int) -> None:
    """Histogram, threshold and the cells next to it, of one marker."""
    from nscweb.figures.marker_histogram import marker_histogram, marker_histogram_data

    title = limit.marker.title
    st.markdown(f"**{label(title)} is {label(limit.marker.class_name)}**")
    left, right = st.columns([3, 2])
    with left:
        values, kinds = marker_labels.light_by_kind(app, study.study_id, settings, limit.marker.channel)
        data = marker_histogram_data(values, kinds, limit.noise, limit.value)
        figures.show_figure(
            marker_histogram(data, limit.noise, limit.value, title=title, simulated=study.simulated),
            f"{study.study_id}_marker_{place}",
            export.study_csv(data.round(2), "Marker histogram", study),
            key=f"marker_figure_{place}",
            alt=f"Histogram of {title} with its threshold",
        )
    with right:
        st.caption(label(f"Threshold {limit.value:,.1f}. {limit.sentence}", 500))
        below, above = marker_labels.examples(app, study.study_id, limit)
        for words, cells in (("just below", below), ("just above", above)):
            pictures = marker_labels.marker_pictures(app, study.study_id, cells, limit)
            tiles = [gallery.Tile([(plain(title), picture)]) for picture in pictures]
            st.caption(f"Cells {words} the threshold")
            gallery.grid(tiles, width=56)
