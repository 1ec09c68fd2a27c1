"""How class maps on the page Cells are drawn, and in one line what they are worth."""

from __future__ import annotations

import streamlit as st

from nscweb.core.errors import ModelNotFound
from nscweb.core.progress import Progress
from nscweb.core.run_record import Run
from nscweb.services.cells.explain import ways_of
from nscweb.services.context import App
from nscweb.services.predict.runs import model_of_run
from nscweb.ui.models.map_worth_view import MAPS_HELP
from nscweb.ui.text import label
from nscweb.words.class_map_words import map_meaning, map_sentence, method_word
from nscweb.words.numbers import sentence_start

HOW_HELP = (
    "Grad-CAM (class activation map): what the last layer holds, stretched over the image; soft and steady. Integrated "
    "gradients: what each pixel adds to the score on the way from an empty field to the cell; sharp. Occlusion: parts "
    "of the cell are covered in turn; for models whose layers keep no places. What each is worth for this model was "
    "tested, see the line below."
)


def choose_way(app: App, run: Run) -> str:
    """How maps are drawn; "" where the model is gone, and asking for maps will say so."""
    try:
        card = model_of_run(app, run).card
    except ModelNotFound:
        return ""
    return str(
        st.selectbox(
            "Drawn by",
            ways_of(card),
            format_func=lambda name: sentence_start(method_word(name)),
            key=f"cells_way_{run.run_id}",
            help=HOW_HELP,
        )
    )


def worth_line(app: App, run: Run, way: str) -> None:
    """What maps drawn so show, and what they are worth for the model of a run."""
    if way:
        worth = map_sentence(model_of_run(app, run).card, way)
        st.caption(label(f"{map_meaning(way)} {worth}", 900), help=MAPS_HELP)


def bar() -> tuple[Progress, st.delta_generator.DeltaGenerator]:
    """A bar that appears at the first word of progress, and the place that it stands in, to be emptied."""
    spot = st.empty()

    def told(done: int, total: int, step: str = "") -> None:
        if total:
            spot.progress(min(1.0, done / total), text=f"{step}: {done:,} of {total:,}")

    return told, spot
