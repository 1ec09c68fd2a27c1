"""Models on pages: choosing one, its card in a drawer, the comparison of all, and its figures."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from nscweb.core.card import CardEntry, ModelCard
from nscweb.core.findings import Finding, FindingLog
from nscweb.figures.accuracy import accuracy_by_time_data
from nscweb.figures.confusion_and_curves import confusion_data, curves_data
from nscweb.figures.model_history import card_curves, card_figures, training_curves_data
from nscweb.services import models
from nscweb.services.context import App
from nscweb.services.predict.fast_here import fast_mode
from nscweb.services.report import export
from nscweb.ui import figures, jobs, show
from nscweb.ui.compare import mixtures_view, scores_view
from nscweb.ui.models.cards import METRIC_HELP, draw_details, draw_intro, headline, origin_sentence
from nscweb.ui.text import plain

_FIGURES = {
    "confusion": "Confusion on held-out samples",
    "by_time": "Accuracy at each time point",
    "roc": "ROC",
    "precision_recall": "Precision and recall",
    "training": "Training",
}
TRAINING_HELP = (
    "Loss and accuracy after each epoch, that is after each pass over the training cells. Loss (cross-entropy): how "
    "far the scores are from the true classes; lower is better, 0 is perfect. Validation samples are set aside to "
    "choose the epoch that is kept. When the line of the validation samples turns up while that of the training "
    "samples falls, the model has begun to learn its training cells by heart."
)
# Figure of a card -> table that its data are.
_TABLES = {
    "confusion": "Fig confusion",
    "by_time": "Fig accuracy over time",
    "roc": "ROC",
    "precision_recall": "Precision and recall",
    "training": "Training curves",
}


def all_models(app: App) -> tuple[list[CardEntry], list[Finding]]:
    """Every usable model, the default first, and why others are not offered."""
    log = FindingLog()
    entries = models.list_models(app, log)
    first = models.default_model(app).card.name if entries else ""
    return sorted(entries, key=lambda entry: entry.card.name != first), list(log)


def pick_model(app: App, key: str) -> CardEntry | None:
    """The model to use, with one sentence on its origin; an empty state when none is installed."""
    entries, problems = all_models(app)
    show.findings(problems)
    if not entries:
        show.empty(
            "No model is installed",
            "Copy a model folder (card.json with its weights) into the folder models of the data folder.",
        )
        return None
    by_name = {entry.card.name: entry for entry in entries}
    first = entries[0].card.name
    name = st.selectbox(
        "Model",
        list(by_name),
        format_func=lambda item: _title(by_name[item].card, item == first) if item in by_name else item,
        key=key,
        width=720,
        help="The first is the usual choice. How the others compare, in accuracy and in work, is on the page Models.",
    )
    entry = by_name[name]
    st.caption(origin_sentence(entry.card))
    return entry


def choose_speed(app: App, entry: CardEntry) -> bool:
    """Whether to predict in fast mode: the choice where it is offered on this machine, else a line that says why not.

    Where only the measurement on this machine is missing, it can be started here.
    """
    jobs.follow_current(app, "fast_check")
    found = fast_mode(app, entry.card.name)
    if found.offered:
        return bool(st.toggle("Fast mode", key=f"fast_{entry.card.name}", help=found.sentence))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(found.sentence if found.to_measure else f"Fast mode is not offered. {found.sentence}")
        if found.to_measure and st.button("Measure fast mode", icon=":material/speed:"):
            jobs.start(app, "fast_check", {"model": entry.card.name})
            st.rerun()
    return False


def model_drawer(entry: CardEntry) -> None:
    """Open the whole card in a drawer at the right."""
    st.dialog("Model card", width="medium", position="right")(_draw_card)(entry.card)


def _draw_card(card: ModelCard) -> None:
    draw_intro(card)
    draw_details(card)


def comparison(entries: list[CardEntry]) -> None:
    """All models side by side, each with its own held-out figures."""
    st.subheader("Installed models", anchor=False)
    st.dataframe(pd.DataFrame([_row(entry.card) for entry in entries]), hide_index=True)
    st.caption(
        "Each figure was measured on the held-out data named in that card; compare them only where the "
        "data are the same.",
        help=METRIC_HELP,
    )


def draw_figures(card: ModelCard) -> None:
    """Every figure that a card has numbers for; all but the training curves on data the model has never seen."""
    made = card_figures(card)
    data = _figure_data(card)
    rows: tuple[tuple[str, ...], ...] = (("confusion", "by_time"), ("roc", "precision_recall"), ("training",))
    for pair in rows:
        there = [name for name in pair if name in made]
        if not there:
            continue
        for column, name in zip(st.columns(len(pair)), there, strict=False):
            with column:
                st.subheader(_FIGURES[name], anchor=False, help=METRIC_HELP if name != "training" else TRAINING_HELP)
                figures.show_figure(
                    made[name],
                    f"{card.name}_{name}",
                    export.model_csv(data[name], _TABLES[name], card),
                    key=f"model_{card.name}_{name}",
                    alt=_FIGURES[name],
                )


def draw_scores(app: App, entry: CardEntry) -> None:
    """Whether its scores are honest, what its held-out cells allow, and whether it recovers known mixtures."""
    scores_view.show_reliability(entry)
    scores_view.show_known_part(entry)
    mixtures_view.show_mixtures(app, entry)


def _figure_data(card: ModelCard) -> dict[str, pd.DataFrame]:
    roc, pr = card_curves(card)
    result = card.performance
    return {
        "confusion": confusion_data(result.confusion, card.classes) if result.confusion else pd.DataFrame(),
        "by_time": accuracy_by_time_data(result.metrics, card.classes),
        "roc": curves_data(roc),
        "precision_recall": curves_data(pr),
        "training": training_curves_data(result.curves.get("history", ())),
    }


def _title(card: ModelCard, usual: bool = False) -> str:
    told = "simulated" in f"{card.title} {card.name}".lower()
    simulated = " (trained on simulated cells)" if card.origin.simulated and not told else ""
    first = " (usual choice)" if usual else ""
    mark = f" ({plain(card.mark)})" if card.mark else ""
    return f"{plain(card.name)}{first}: {plain(card.title)}{simulated}{mark}"


def _row(card: ModelCard) -> dict[str, object]:
    row: dict[str, object] = {"Model": plain(card.name)}
    for name, value, interval in headline(card):
        row[name] = f"{value} ({interval.split(' · ')[0].removeprefix('95 %: ')})"
    row["Trained on"] = f"{card.origin.cells:,} {'simulated ' if card.origin.simulated else ''}cells"
    row["Classes"] = ", ".join(card.classes.names)
    row["Architecture"] = card.architecture
    work = card.origin.settings.get("mflop_per_cell")
    row["Work per cell (million operations)"] = f"{work:,.0f}" if isinstance(work, int | float) else ""
    return row
