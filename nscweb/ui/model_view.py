"""Models on pages: choosing one, its card in a drawer, the comparison of all, and its figures."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from nscweb.core.card import CardEntry, ModelCard
from nscweb.core.errors import ModelNotFound
from nscweb.core.findings import Finding, FindingLog
from nscweb.reports.figures_accuracy import accuracy_by_time, accuracy_by_time_data
from nscweb.reports.figures_evaluate import (
    confusion_data,
    confusion_figure,
    curves_data,
    pr_figure,
    roc_figure,
)
from nscweb.services import export, models
from nscweb.services.context import App
from nscweb.ui import figures, show
from nscweb.ui.cards import METRIC_HELP, draw_card, headline, origin_sentence
from nscweb.ui.text import plain

__all__ = ["METRIC_HELP", "all_models", "comparison", "draw_card", "headline", "model_drawer", "pick_model"]

# Names of the training room for what the figures call fpr and tpr.
_ROC = {"false_positive_rate": "fpr", "true_positive_rate": "tpr"}


def all_models(app: App) -> tuple[list[CardEntry], list[Finding]]:
    """Every usable model, and why others are not offered."""
    log = FindingLog()
    return models.list_models(app, log), list(log)


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
    try:
        first = models.default_model(app).card.name
    except ModelNotFound:
        first = entries[0].card.name
    by_name = {entry.card.name: entry for entry in entries}
    name = st.selectbox(
        "Model",
        list(by_name),
        index=list(by_name).index(first) if first in by_name else 0,
        format_func=lambda item: _title(by_name[item].card) if item in by_name else item,
        key=key,
        width=560,
    )
    entry = by_name[name]
    st.caption(origin_sentence(entry.card))
    return entry


def model_drawer(entry: CardEntry) -> None:
    """Open the whole card in a drawer at the right."""
    st.dialog("Model card", width="medium", position="right")(draw_card)(entry.card)


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
    """Confusion, curves and accuracy over time of a card, all on data that the model has never seen."""
    result = card.performance
    simulated = card.origin.simulated
    if result.confusion:
        st.subheader("On held-out samples", anchor=False, help=METRIC_HELP)
        _figure(
            confusion_figure(result.confusion, card.classes, simulated=simulated),
            confusion_data(result.confusion, card.classes),
            card,
            "confusion",
            "Confusion matrix on held-out samples",
        )
    roc = {name: _table(points, _ROC) for name, points in result.curves.get("roc", {}).items()}
    pr = {name: _table(points, {}) for name, points in result.curves.get("pr", {}).items()}
    areas = {name: metric for name in roc if (metric := result.metric("auc", name))}
    precise = {name: metric for name in pr if (metric := result.metric("average_precision", name))}
    if roc and pr:
        left, right = st.columns(2)
        with left:
            figure = roc_figure(roc, areas, card.classes, simulated=simulated)
            _figure(figure, curves_data(roc), card, "roc", "ROC curve of each class")
        with right:
            figure = pr_figure(pr, precise, card.classes, simulated=simulated)
            _figure(figure, curves_data(pr), card, "precision_recall", "Precision-recall curve of each class")
    if any(metric.time_h is not None for metric in result.metrics):
        _figure(
            accuracy_by_time(result.metrics, card.classes, simulated=simulated),
            accuracy_by_time_data(result.metrics, card.classes),
            card,
            "accuracy_by_time",
            "Accuracy and recall at each time point",
        )


def _figure(figure: object, data: pd.DataFrame, card: ModelCard, name: str, alt: str) -> None:
    figures.show_figure(
        figure, f"{card.name}_{name}", export.figure_csv(data), key=f"model_{card.name}_{name}", alt=alt
    )


def _table(points: dict[str, list[float]], names: dict[str, str]) -> pd.DataFrame:
    return pd.DataFrame(points).rename(columns=names)


def _title(card: ModelCard) -> str:
    simulated = " (trained on simulated cells)" if card.origin.simulated else ""
    return plain(card.title) + simulated


def _row(card: ModelCard) -> dict[str, object]:
    row: dict[str, object] = {
        "Model": plain(card.title),
        "Classes": ", ".join(card.classes.names),
        "Trained on": f"{card.origin.cells:,} {'simulated ' if card.origin.simulated else ''}cells",
    }
    for name, value, interval in headline(card):
        row[name] = f"{value} ({interval.split(' · ')[0].removeprefix('95 %: ')})"
    row["Architecture"] = card.architecture
    return row
