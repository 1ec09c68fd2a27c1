"""The understanding card: what an import made of names and images, what is doubtful, and the likely reading."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from nscweb.core.samples import Study
from nscweb.services.context import App
from nscweb.services.study import study as studies
from nscweb.services.study.understood import cut_again, understanding
from nscweb.services.study.understood.doubts import Doubt
from nscweb.services.study.understood.understanding import Understanding
from nscweb.ui import jobs, show
from nscweb.ui.cells import gallery
from nscweb.ui.text import html, label, plain
from nscweb.words.numbers import count

_MOST_CHANNELS = 8
_MOST_CHANGES = 200
_PREVIEWED = 8
_COLUMNS = {"true_class": "true class"}


def card(app: App, study: Study) -> None:
    """Draw the card; open where something is doubtful."""
    found = understanding.understand(app, study.study_id)
    # One sentence may come with two readings: hours, or days.
    asked: dict[str, list[Doubt]] = {}
    for doubt in found.doubts:
        asked.setdefault(doubt.sentence, []).append(doubt)
    doubts = len(asked)
    title = "What was understood" + (f": {count(doubts, 'doubt')}" if doubts else "")
    icon = ":material/help:" if doubts else ":material/task_alt:"
    with st.expander(
        title,
        expanded=bool(doubts or found.findings or _taken_slot(study) in st.session_state),
        icon=icon,
        key=f"understood_{study.study_id}_{doubts}",
    ):
        st.html(f"<b>{html(found.sentence, 300)}</b>")
        _taken(app, study)
        for sentence, readings in asked.items():
            with st.container(border=True, key=f"doubt_{study.study_id}_{readings[0].kind}"):
                show.note(sentence)
                for doubt in readings:
                    _reading(app, found, doubt)
        _names(found)
        table, pictures = st.columns([3, 2])
        with table:
            _table(found)
        with pictures, show.caught("understood"):
            _channels(app, found)
        if found.findings:
            st.caption("What was noticed at the import:")
            show.findings(found.findings)


def _taken(app: App, study: Study) -> None:
    """The offer that was taken last, with its undo, as long as the sheet is as it left it."""
    offer, update = st.session_state.get(_taken_slot(study), ("", None))
    if update is None or update.study.samples != study.samples:
        st.session_state.pop(_taken_slot(study), None)
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(label(f"Taken: {offer}.", 200))
        if st.button("Undo", icon=":material/undo:", key=f"untake_{study.study_id}"):
            studies.undo_sheet(app, study.study_id, update.before)
            st.rerun()


def _taken_slot(study: Study) -> str:
    return f"nsc_taken_{study.study_id}"


def _reading(app: App, found: Understanding, doubt: Doubt) -> None:
    """The likely reading as a button, with what it would change."""
    if doubt.way:
        st.caption(label(doubt.way, 300))
    if not doubt.offer:
        return
    if doubt.cut:
        _cut(app, found.study, doubt)
        return
    if doubt.each:
        _each(app, found.study, doubt)
        return
    key = f"{found.study.study_id}_{doubt.kind}" + "".join(f"_{change.sample}" for change in doubt.changes[:1])
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button(label(doubt.offer, 120), key=f"accept_{key}", icon=":material/check:"):
            with show.caught("understood"):
                if doubt.apart:
                    jobs.start(app, "part", {"study": found.study.study_id})
                else:
                    update = understanding.take(app, found.study, doubt)
                    st.session_state[_taken_slot(found.study)] = (doubt.offer, update)
                st.rerun()
        if not doubt.changes:
            return
        with st.popover(f"Show {count(len(doubt.changes), 'change')}", key=f"preview_{key}"):
            rows = [
                (
                    plain(change.sample),
                    _COLUMNS.get(change.column, change.column),
                    plain(change.before) or "empty",
                    plain(change.after) or "empty",
                )
                for change in doubt.changes[:_MOST_CHANGES]
            ]
            st.dataframe(pd.DataFrame(rows, columns=["Sample", "Column", "Now", "Then"]), hide_index=True)


def _cut(app: App, study: Study, doubt: Doubt) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button(label(doubt.offer, 120), key=f"cut_{study.study_id}", icon=":material/content_cut:"):
            with show.caught("understood"):
                jobs.start(app, "cut", {"study": study.study_id})
                st.rerun()
        wanted = st.toggle("Show what would be found", key=f"cut_preview_{study.study_id}")
    if wanted:
        with show.caught("understood"):
            with st.spinner("Looking for cells in the first image …"):
                preview = cut_again.preview_cut(app, study.study_id)
            st.image(preview.picture, width=560)
            st.caption(label(preview.sentence, 300))


def _each(app: App, study: Study, doubt: Doubt) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button(label(doubt.offer, 120), key=f"each_{doubt.each}_{study.study_id}", icon=":material/check:"):
            with show.caught("understood"):
                jobs.start(app, "each", {"study": study.study_id, "kind": doubt.each})
                st.rerun()
        wanted = st.toggle("Show some of them", key=f"each_preview_{doubt.each}_{study.study_id}")
    if not wanted:
        return
    with show.caught("understood"):
        tiles = []
        for sample in doubt.samples:
            shown = studies.contact_sheet(app, study.study_id, sample, _PREVIEWED // len(doubt.samples), "per cell")
            numbered = zip(shown.object_numbers, shown.images, strict=True)
            tiles += [gallery.Tile([(f"{sample}, {n}", image)], "", "", [f"{sample}, {n}"]) for n, image in numbered]
        gallery.grid(tiles, width=104, pixel_size_um=study.pixel_size_um)


def _names(found: Understanding) -> None:
    for rule in found.rules:
        st.caption(label(rule, 400))
    if found.left_off:
        left = ", ".join(f"“{text}”" for text in found.left_off[:8])
        st.caption(label(f"Left off, because it says nothing about a sample: {left}.", 400))


def _table(found: Understanding) -> None:
    rows = [
        (plain(group) or "no group", plain(dose), time or "no time", plain(replicates), cells, samples)
        for group, dose, time, samples, replicates, cells in found.rows
    ]
    table = pd.DataFrame(rows, columns=["Group", "Dose", "Time", "Replicates", "Cells", "Samples"])
    if not any(dose for _, dose, *_ in rows):
        table = table.drop(columns="Dose")
    st.dataframe(table, hide_index=True, height="content" if len(rows) < 12 else 420)


def _channels(app: App, found: Understanding) -> None:
    study = found.study
    sample = next((item.name for item in study.samples if item.cells), "")
    if not sample:
        return
    tiles = []
    for channel in study.channels[:_MOST_CHANNELS]:
        shown = studies.contact_sheet(app, study.study_id, sample, 1, "percentile", channel=channel)
        if shown.images:
            said = f"{channel}, brightfield" if channel == study.channel else channel
            tiles.append(gallery.Tile([(said, shown.images[0])], "", "", [said]))
    gallery.grid(tiles, width=104, pixel_size_um=study.pixel_size_um)
    size = f"A pixel is {study.pixel_size_um:g} µm wide." if study.pixel_size_um else "The pixel size is not known."
    kind = "Cells were cut out of whole fields of view." if found.as_fields else "Each image is taken for one cell."
    st.caption(f"First cell of {label(sample, 60)}. {kind} {size}")
