"""Hand-made populations of a study: how many cells each holds, and which of them stands for which true class."""

from __future__ import annotations

import streamlit as st

from nscweb.core.samples import Study
from nscweb.services.context import App
from nscweb.services.study import populations
from nscweb.ui import show
from nscweb.ui.text import plain
from nscweb.words.numbers import count

_HELP = (
    "Populations were made by hand in the instrument's software and came with a .daf or .pop file. If one of them "
    "holds the cells whose fate is known, for example from markers, write that fate here, spelled as the model "
    "spells it. Evaluate then uses it, cell by cell, in place of the column “true class” of the sample sheet."
)


def choose(app: App, study: Study) -> None:
    """Table of populations with a box for the class each stands for; nothing when there are none."""
    table = populations.population_table(app, study.study_id)
    if table.empty:
        return
    st.subheader("Populations", help=_HELP)
    totals = table.groupby("population")["cells"].sum()
    st.caption(
        f"{count(len(totals), 'population')} came with the files. Cells in none of those that you name, or in two "
        "that stand for different classes, have no true class."
    )
    now = populations.classes_of_populations(app, study.study_id)
    with st.form("populations"):
        given = {}
        for position, (name, cells) in enumerate(totals.items()):
            given[str(name)] = st.text_input(
                f"{plain(str(name))} ({count(int(cells), 'cell')}) is the true class",
                value=now.get(str(name), ""),
                placeholder="stands for no class",
                max_chars=100,
                key=f"population_{study.study_id}_{position}",
            )
        if st.form_submit_button("Use as true classes", icon=":material/label:"):
            with show.caught("populations"):
                populations.set_classes_of_populations(app, study.study_id, given)
                named = {value.strip() for value in given.values() if value.strip()}
                show.note(
                    f"Evaluate now compares with: {', '.join(sorted(named))}."
                    if named
                    else "The sample sheet alone says the true classes."
                )
