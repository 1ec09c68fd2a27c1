"""A study on its page: facts, pictures of its cells, quality, findings, settings."""

from __future__ import annotations

import streamlit as st

from nscweb.core.flags import flag, unpack
from nscweb.core.samples import Study
from nscweb.services.cells import fields_seen, outlines
from nscweb.services.context import App
from nscweb.services.predict.runs import list_runs
from nscweb.services.study import study as studies
from nscweb.ui import show
from nscweb.ui.cells import gallery
from nscweb.ui.study import merge_view, populations_view
from nscweb.ui.text import plain
from nscweb.words.numbers import count

_SCALING_HELP = (
    "Cameras of imaging cytometers give 12 bits (0 to 4,095) in 16-bit files, so most of the range is empty. "
    "Percentile: black and white are set by the darkest and brightest 0.2 % of all cells shown. Full "
    "range: the "
    "whole range of the camera. Per cell: each cell is stretched by itself. This changes the picture, "
    "never the data."
)
_OUTLINE_FORMS: dict[outlines.OutlineForm, str] = {
    "labels": "label images (TIFF)",
    "rois": "ROI zips of ImageJ",
    "geojson": "GeoJSON of QuPath",
}


def facts(study: Study) -> None:
    """Cells, samples, channel, pixel size."""
    known = sum(1 for sample in study.samples if sample.true_class)
    size = f"{study.pixel_size_um:g} µm" if study.pixel_size_um else "not known"
    show.facts(
        [
            ("Cells", f"{study.cells:,}", ""),
            ("Samples", f"{len(study.samples):,}", f"{known:,} with a true class" if known else "no true classes"),
            ("Brightfield channel", study.channel or "none", f"of {', '.join(study.channels)}"),
            ("Pixel size", size, ""),
        ]
    )


def pictures(app: App, study: Study) -> None:
    """Contact sheet of one sample."""
    first, second, third = st.columns([2, 1, 1])
    names = [sample.name for sample in study.samples if sample.cells]
    if not names:
        show.empty("No cells", "No sample of this study holds a cell.")
        return
    sample = first.selectbox("Sample", names, format_func=plain, key="sheet_sample")
    channels = list(study.channels) or [study.channel]
    channel = second.selectbox(
        "Channel",
        channels,
        index=channels.index(study.channel) if study.channel in channels else 0,
        format_func=plain,
        key=f"contact_channel_{study.study_id}",
    )
    scaling = third.selectbox(
        "Display scaling", studies.SCALINGS, key="contact_scaling", help=_SCALING_HELP, format_func=str.capitalize
    )
    outlined = st.toggle(
        "Show the outline of each cell",
        key="contact_outlines",
        help="Drawn where the program, or the mask in the instrument's file, sees the edge of the cell. Area, aspect "
        "ratio and the gates are measured inside it.",
    )
    shown = studies.contact_sheet(app, study.study_id, sample, 48, scaling, channel=channel, outlines=outlined)
    st.caption(
        f"First {count(len(shown.images), 'cell')} of {shown.cells:,}, {plain(channel)}. "
        f"{shown.scale.sentence}" + (" Outlines are the masks of the file." if shown.masks_from_file else "")
    )
    tiles = [
        gallery.Tile(
            [(f"object {number}", image)],
            "",
            "",
            [f"object {number}", *([", ".join(flag(name).label for name in unpack(mask))] if mask else [])],
        )
        for image, number, mask in zip(shown.images, shown.object_numbers, shown.flags, strict=True)
    ]
    gallery.grid(tiles, width=104, pixel_size_um=study.pixel_size_um)
    _field(app, study, sample)
    outlines_out(app, study)


def _field(app: App, study: Study, sample: str) -> None:
    """A whole field of view of the sample, with the outlines of its cells."""
    names = fields_seen.field_names(app, study.study_id, sample)
    if not names:
        return
    st.subheader("The whole field of view")
    field = st.selectbox("Field", names, format_func=plain, key=f"seen_field_{study.study_id}_{sample}")
    runs = list_runs(app, study.study_id)
    coloured = bool(runs) and st.toggle("Colours of the predicted classes", value=True, key="seen_field_classes")
    run = runs[0].run_id if coloured else None
    gallery.whole_field(fields_seen.field_seen(app, study.study_id, sample, field, run=run))


def outlines_out(app: App, study: Study) -> None:
    """Outlines of all cells as files for ImageJ, QuPath and label editors, made when asked for."""
    with st.expander("Outlines as files", icon=":material/download:"):
        left, right = st.columns(2)
        form = left.selectbox(
            "Form", list(_OUTLINE_FORMS), format_func=lambda name: _OUTLINE_FORMS[name], key="outlines_form"
        )
        runs = {run.run_id: f"{run.run_id}, {run.provenance.model}" for run in list_runs(app, study.study_id)}
        run = right.selectbox(
            "Classes of",
            ["", *runs],
            format_func=lambda name: plain(runs[name]) if name else "no prediction",
            index=1 if runs else 0,
            key=f"outlines_run_{study.study_id}",
        )
        st.download_button(
            "Outlines (zip)",
            lambda: outlines.outlines_zip(app, study.study_id, form, run or None),
            file_name=f"{study.study_id}_outlines_{form}.zip",
            mime="application/zip",
            icon=":material/gesture:",
            help="A file per field of view, with a table of classes. Cells that came in as single images lie in their "
            "own frames.",
            on_click="ignore",
            key="outlines_zip",
        )


def found(app: App, study: Study) -> None:
    """What was noticed at import, by reason with counts, and all of it as skipped.csv."""
    items = studies.findings_of(app, study.study_id)
    if not items:
        show.note("Nothing to report: every image of this study was read without a remark.")
        return
    left_out = sum(1 for item in items if item.level == "skip")
    st.caption(f"{count(left_out, 'image')} left out; {count(len(items), 'remark')} in all.")
    show.findings(items)
    st.download_button(
        "All of them (skipped.csv)",
        lambda: studies.skipped_csv(app, study.study_id),
        file_name="skipped.csv",
        mime="text/csv",
        icon=":material/table:",
        on_click="ignore",
        key="skipped_csv",
    )


def settings(app: App, study: Study) -> None:
    """Name, brightfield channel and pixel size, changeable at any time."""
    with st.form("study_name"):
        name = st.text_input("Name of the study", value=study.name, key=f"study_name_{study.study_id}")
        if st.form_submit_button("Rename", icon=":material/edit:"):
            with show.caught("rename"):
                studies.rename_study(app, study.study_id, name)
                st.rerun()
    channels = list(study.channels) or [study.channel]
    with st.form("study_settings"):
        channel = st.selectbox(
            "Brightfield channel",
            channels,
            index=channels.index(study.channel) if study.channel in channels else 0,
            format_func=plain,
            help="Predictions use this channel. It was guessed from names and pixels unless it was "
            "given; look at the pictures to check it.",
        )
        size = st.number_input(
            "Pixel size in µm",
            min_value=0.01,
            max_value=20.0,
            value=study.pixel_size_um,
            step=0.01,
            format="%.3f",
            placeholder="not known",
            help="From the instrument; never guessed. Needed for scale bars and for models "
            "whose field is given in micrometres.",
        )
        if st.form_submit_button("Save", icon=":material/save:"):
            with st.spinner("Saving; another channel is measured anew …"):
                studies.change_study(app, study.study_id, channel=channel, pixel_size_um=size)
            st.rerun()
    merge_view.merge(app, study)
    populations_view.choose(app, study)
