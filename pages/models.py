"""Models: what each model is and where it stops; train one, search settings for it, install published ones."""

import streamlit as st

from nscweb.ui import figures, show
from nscweb.ui.frame import open_page
from nscweb.ui.models import cards, colleague_view, install_view, model_view, search_view, training_view

with open_page("models") as app:
    installed, train, search, published = st.tabs(
        training_view.TABS, default=training_view.first_tab(app), key="models_tabs", on_change="rerun"
    )
    if installed.open:
        with installed:
            entries, problems = model_view.all_models(app)
            if not entries:
                show.empty(
                    "No model is installed",
                    "Train one on the next tab, install a published one on the last, or copy a model folder (card.json "
                    "with its weights) into the folder models of the data folder.",
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
                    model_view.draw_scores(app, entry)
                    cards.draw_details(entry.card)
                    colleague_view.pack_button(app, entry)
    if train.open:
        with train:
            training_view.train_a_model(app)
    if search.open:
        with search:
            search_view.search_settings(app)
    if published.open:
        with published:
            colleague_view.from_a_colleague(app)
            install_view.published_models(app)
            install_view.public_sets(app)
