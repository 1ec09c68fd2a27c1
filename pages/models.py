"""Models: what each model is, how good it is, and where it stops."""

import streamlit as st

from nscweb.ui import cards, figures, model_view, show
from nscweb.ui.frame import open_page

with open_page("models") as app:
    entries, problems = model_view.all_models(app)
    if not entries:
        show.empty(
            "No model is installed",
            "Copy a model folder (card.json with its weights) into the folder models of the data folder.",
        )
    if problems:
        show.findings(problems)
    if entries:
        model_view.comparison(entries)
        entry = model_view.pick_model(app, key="models_model")
        if entry:
            cards.draw_intro(entry.card)
            figures.choose_picture_format()
            model_view.draw_figures(entry.card)
            cards.draw_details(entry.card)
            st.caption("To train a model on your own labelled cells use the command nscweb train.")
