"""A model card on a page: what the model is, how good it is with intervals, and where it stops."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from nscweb.core.card import Metric, ModelCard
from nscweb.core.columns import label as label_of
from nscweb.core.timepoint import TimePoint
from nscweb.ui import show
from nscweb.ui.models.audit_view import draw_checks
from nscweb.ui.models.map_worth_view import draw_map_tests
from nscweb.ui.text import duration, html, label, when
from nscweb.words.card_words import input_rows, metric_word
from nscweb.words.numbers import count

METRIC_HELP = (
    "Accuracy: share of cells with the right class. Macro F1: F1 of each class, averaged, so that a rare "
    "class counts "
    "as much as a common one. Precision: of the cells called X, the share that are X. Recall: of the "
    "cells that are X, "
    "the share that were called X. AUC: chance that a cell of the class scores higher than one of "
    "another class "
    "(0.5 is guessing). Calibration error: how far scores and shares of right cells are apart, on average. Brackets "
    "are 95 % intervals."
)


def origin_sentence(card: ModelCard) -> str:
    """Whether the weights come from simulated cells, in words that cannot be overlooked."""
    if card.origin.simulated:
        return (
            "Trained on simulated cells only. Use it to learn the program, not to conclude anything about real cells."
        )
    return f"Trained on {count(card.origin.cells, 'cell')}."


def headline(card: ModelCard) -> list[tuple[str, str, str]]:
    """Overall figures as tiles: (name, value, interval and number of samples)."""
    tiles = []
    for name in ("accuracy", "macro_f1", "auc"):
        metric = card.performance.metric(name)
        if metric is not None:
            tiles.append((metric_word(name), f"{metric.value:.3f}", _interval(metric)))
    return tiles


def draw_baseline(card: ModelCard) -> None:
    """How it does beside plain features on the same held-out cells; a warning where it is no better."""
    found = card.audit.get("baseline")
    if not found:
        return
    if found["verdict"] == "better":
        st.caption(label(found["sentence"], 600))
    else:
        show.warnings([f"{found['sentence']} A model of the architecture features is fitted in seconds."])


def draw_intro(card: ModelCard) -> None:
    """What it is, how good it is, what it may be used for and where it stops."""
    st.html(f"<h2>{html(card.title)}</h2><div class='nsc-task'>{html(card.summary, 1500)}</div>")
    if card.mark:
        show.warnings([f"This model is marked: {card.mark}."])
    if card.origin.simulated:
        show.simulated_banner(origin_sentence(card))
    if headline(card):
        show.facts(headline(card))
        st.caption("Measured on: " + label(card.performance.data, 600), help=METRIC_HELP)
    draw_baseline(card)
    if card.uses:
        st.subheader("What it may be used for", anchor=False)
        show.bullets(card.uses)
    st.subheader("Where it stops", anchor=False)
    show.bullets(card.limits)


def draw_details(card: ModelCard) -> None:
    """Figures by class and time, other models on the same data, checks, input, origin."""
    if card.performance.comparison:
        st.subheader("Beside other models on the same data", anchor=False)
        st.dataframe(pd.DataFrame(card.performance.comparison), hide_index=True)
    table = metrics_table(card.performance.metrics)
    if not table.empty:
        st.subheader("Figures by class and time", anchor=False)
        st.dataframe(table, hide_index=True, height=min(420, 36 * (len(table) + 1)))
    draw_checks(card)
    draw_map_tests(card)
    st.subheader("What it sees", anchor=False)
    show.key_values(input_rows(card))
    st.subheader("Where it comes from", anchor=False)
    show.key_values(_origin_rows(card))
    if card.citation:
        show.key_values({"Cite": card.citation})


def metrics_table(metrics: Sequence[Metric]) -> pd.DataFrame:
    """Figures as a table for people: one row each, interval in its own column."""
    return pd.DataFrame(
        [
            {
                label_of("figure"): metric_word(metric.name),
                label_of("class"): metric.class_name or "all",
                label_of("time"): "all" if metric.time_h is None else TimePoint(metric.time_h).label(),
                label_of("value"): f"{metric.value:.3f}",
                label_of("interval"): f"{metric.low:.3f} to {metric.high:.3f}",
                label_of("cells"): f"{metric.cells:,}",
                label_of("samples"): metric.samples,
            }
            for metric in metrics
        ]
    )


def _interval(metric: Metric) -> str:
    return f"95 %: {metric.low:.3f} to {metric.high:.3f} · {count(metric.samples, 'sample')}"


def _origin_rows(card: ModelCard) -> dict[str, object]:
    origin = card.origin
    return {
        "Trained on": origin.data,
        "Cells": f"{origin.cells:,}" + (" (simulated)" if origin.simulated else ""),
        "Split": origin.split,
        "Device and time": origin.device + (f", {duration(origin.seconds)}" if origin.seconds > 0 else ""),
        "Seed": origin.seed,
        "Made": when(origin.created_utc),
        "Command": origin.command,
        "Licence": origin.licence,
        "Name and version": f"{card.name} {card.version}",
        "SHA-256 of the weights": card.weights.sha256,
    }
