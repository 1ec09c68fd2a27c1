"""The parts of the home page."""

from __future__ import annotations

import streamlit as st

from nscweb.core.card import CardEntry
from nscweb.core.samples import Study
from nscweb.services.context import App
from nscweb.services.predict import runs
from nscweb.services.study import study as studies
from nscweb.ui import frame, jobs, session, show
from nscweb.ui.cells import cell_view
from nscweb.ui.models import cards
from nscweb.ui.study import new_study
from nscweb.ui.text import html, label, plain, when
from nscweb.words.numbers import count

IMAGE_TYPES = ["png", "jpg", "jpeg", "bmp", "tif", "tiff", "npz"]
QUICK_LIMIT = 12


def three_sentences() -> None:
    """What the app does."""
    st.html(
        '<div class="nsc-lead">nscweb reads single-cell images exported from an '
        "imaging flow "
        "cytometer and predicts, without any staining, which fate each neural stem cell is taking. It "
        "counts the "
        "predicted fates of each inducer group over time, with intervals over your replicates. It shows "
        "the cells "
        "behind every number, where the model looked, and how far the model can be trusted.</div>"
    )


def demo_button(app: App) -> None:
    """Open the demo study; make it first where it is not there yet."""
    if st.button("Open the demo study", type="primary", icon=":material/play_circle:"):
        demo = jobs.open_demo(app)
        if demo is not None:
            session.choose("study", demo.study_id)
            frame.switch_to("predict")


def bring_in_button() -> None:
    """Go to the open form for a new study."""
    if st.button("Bring in your own cells", icon=":material/upload_file:"):
        new_study.unfold()
        frame.switch_to("study")


def follow_demo(app: App) -> None:
    """The demo study while it is being made."""
    jobs.follow_current(app, "demo", then="predict")


def studies_list(app: App) -> None:
    """One row per study: cells, samples, last run, open, delete."""
    known = studies.list_studies(app)
    if not known:
        show.empty("No study yet", "Open the demo study above, or bring in your own cells.")
    for study in known:
        _study_row(app, study)


def _study_row(app: App, study: Study) -> None:
    run = runs.latest_run(app, study.study_id)
    last = f"last run {when(run.created_utc)}, {run.model}" if run else "not predicted yet"
    tag = ' <span class="nsc-tag warn">simulated</span>' if study.simulated else ""
    with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"study_{study.study_id}"):
        st.html(
            f"<b>{html(study.name)}</b>{tag}<br><span style='color:#5b6775;font-size:.88rem'>"
            f"{html(count(study.cells, 'cell'))} · {html(count(len(study.samples), 'sample'))} · "
            f"{html(last, 200)}</span>",
            width="stretch",
        )
        if st.button("Open", key=f"open_{study.study_id}", icon=":material/arrow_forward:"):
            session.choose("study", study.study_id)
            frame.switch_to("predict" if run else "study")
        with st.popover("Rename", icon=":material/edit:", key=f"ask_name_{study.study_id}"):
            name = st.text_input("Name of the study", value=study.name, key=f"name_{study.study_id}")
            if st.button("Rename", key=f"rename_{study.study_id}", type="primary"):
                with show.caught("rename"):
                    studies.rename_study(app, study.study_id, name)
                    st.rerun()
        with st.popover("Delete", icon=":material/delete:", key=f"ask_{study.study_id}"):
            st.text(f"Delete “{plain(study.name)}” with its cells and runs? This cannot be undone.")
            if st.button("Delete for good", key=f"delete_{study.study_id}", type="primary"):
                studies.delete_study(app, study.study_id)
                if session.chosen("study") == study.study_id:
                    session.choose("study", "")
                st.rerun()


def quick_look(app: App) -> None:
    """Scores, map and warnings of a few images, without making a study."""
    files = st.file_uploader(
        f"Drop up to {QUICK_LIMIT} cell images to see scores, map and warnings at once. Nothing is stored.",
        type=IMAGE_TYPES,
        accept_multiple_files=True,
        key="quick_files",
        max_upload_size=20,
        help="One cell in each image. A whole export belongs on the page Study.",
    )
    if not files:
        return
    if len(files) > QUICK_LIMIT:
        show.note(
            f"The first {QUICK_LIMIT} of {count(len(files), 'image')} are shown. For more make a study "
            "on the page Study."
        )
    with show.caught("quick look"):
        cell_view.quick_results(app, tuple((item.name, item.getvalue()) for item in files[:QUICK_LIMIT]), "")


def model_use(entries: list[CardEntry]) -> None:
    """Uses and limits of the models that are installed, in their own words."""
    if not entries:
        show.empty("No model is installed", "Copy a model folder into the folder models of the data folder.")
    for entry in entries:
        card = entry.card
        with st.expander(label(card.title), expanded=entry is entries[0]):
            if card.origin.simulated:
                show.simulated_banner(cards.origin_sentence(card))
            st.html("<b>It may be used for</b>")
            show.bullets(card.uses)
            st.html("<b>Where it stops</b>")
            show.bullets(card.limits)
    frame.page_link("models", "All about the models")
