"""The top of Predict and Compare: what is asked, the answer, and below it filters and ways of counting, folded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from nscweb.core.run_record import Run
from nscweb.services.compare.facts import cells_counted
from nscweb.services.context import App
from nscweb.ui import cached, filters, show
from nscweb.ui.compare import overview, question
from nscweb.ui.compare.question import Asked

# More sentences or letters than this would push the answer off the screen.
_MOST_SENTENCES, _MOST_LETTERS, _MOST_RED = 1, 220, 3


def ask_and_answer(app: App, run: Run) -> tuple[Asked, bool]:
    """Draw controls, warnings and answer; what was asked, and whether there is anything to show below.

    The answer stands above the boxes that narrow it, because most people come to read it and few to change it.
    """
    top, said, folded = st.container(), st.container(), st.container()
    options = cached.filter_options(app, run)
    with folded:
        chosen = filters.dashboard_filters(options, filters.shared_key(run))
    with top:
        asked = question.ask(app, run, options, chosen, below=folded)
    found = asked.found
    with said:
        real = not run.provenance.simulated_cells
        visible, rest = urgent(found.data.warnings, found.lights, real_cells=real)
        show.warnings(visible)
        show.folded_warnings(rest)
        if not cells_counted(found):
            show.empty("No cell is left", "The filters leave out every cell. Widen them below.")
        elif found.groups.empty:
            show.empty("Nothing to compare", "Fill inducer group and time in the sample sheet on the page Study.")
        else:
            overview.answer(asked)
    return asked, bool(cells_counted(found)) and not found.groups.empty


def urgent(
    sentences: Sequence[str], lights: Mapping[str, str], *, real_cells: bool = False
) -> tuple[list[str], list[str]]:
    """Warnings that stay open, and those that are folded: few and short ones are open, and any about red samples.

    For real cells it also stays open that a model learnt from simulated ones alone.
    """
    if len(sentences) <= _MOST_SENTENCES and sum(map(len, sentences)) <= _MOST_LETTERS:
        return list(sentences), []
    red = [f'"{name}"' for name, light in lights.items() if light == "red"]
    about = [
        text
        for text in sentences
        # A sentence on one sample that is not red is of no hurry; one on all of them is.
        if any(name in text for name in red)
        or ("unlike" in text and not text.startswith('The sample "'))
        or (real_cells and "trained on simulated cells only" in text)
    ][:_MOST_RED]
    return about, [text for text in sentences if text not in about]
