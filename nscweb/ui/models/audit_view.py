"""The checks of a model card on a page: could a shortcut explain its figures, and how does it hold up elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from nscweb.core.card import ModelCard
from nscweb.core.columns import label
from nscweb.core.rules import SWAP_COST, SWAP_COSTS
from nscweb.figures.shortcut_checks import audit_figures, robustness_data, swap_data
from nscweb.services.report import export
from nscweb.ui import figures, show

AUDIT_HELP = (
    "A model can score well by the recording instead of the cell, when classes were recorded differently. Two things "
    "are asked. First: how far does a simple classifier go that sees only background, slope of the illumination, "
    "noise, mean intensity and frame size? Second: how many cells does the model lose when the illumination or the "
    "frame of each image is replaced by that of a cell of another class, compared with that of a cell of its own "
    f"class? The second question decides: {100 * SWAP_COST:g} points are allowed for background, slope and frame, "
    f"{100 * SWAP_COSTS['contrast']:g} for contrast and noise, which in part belong to the cell."
)
ROBUSTNESS_HELP = (
    "Held-out images were changed as another recording would change them, and went the whole way from the stored "
    "pixels to the class. Brackets are 95 % intervals over samples. Shift of shares: how far the share of cells that "
    "each class is given moves, on average; it is what a fate ratio would move by."
)
_VERDICTS = {"clear": "passed", "remark": "passed, with a remark", "failed": "not passed"}
_FIGURES = {"balanced_accuracy": "Balanced accuracy", "accuracy": "Accuracy", "macro_f1": "Macro F1", "auc": "AUC"}


def draw_checks(card: ModelCard) -> None:
    """Both checks, or a sentence that they were not made."""
    made = audit_figures(card)
    st.subheader("Could a shortcut explain its figures?", anchor=False, help=AUDIT_HELP)
    if not card.audit:
        st.caption("Not measured for this model. Measure it with the command nscweb models audit.")
    else:
        _verdict(card.audit)
        alone, swaps = alone_table(card.audit), swap_table(card.audit)
        if not alone.empty:
            st.dataframe(alone, hide_index=True)
        if "swaps" in made:
            figures.show_figure(
                made["swaps"],
                f"{card.name}_swaps",
                export.model_csv(swap_data(card.audit), "Swaps", card),
                key=f"audit_{card.name}_swaps",
                alt="Accuracy when illumination or frame are swapped between cells",
            )
        if not swaps.empty:
            with st.expander("Every swap as a table"):
                st.dataframe(swaps, hide_index=True)
    if card.robustness:
        st.subheader("When cells are recorded otherwise", anchor=False, help=ROBUSTNESS_HELP)
        figures.show_figure(
            made["robustness"],
            f"{card.name}_robustness",
            export.model_csv(robustness_data(card.robustness), "Robustness", card),
            key=f"audit_{card.name}_robustness",
            alt="Accuracy under changes of the recording",
        )
        with st.expander("Every change as a table"):
            st.dataframe(robustness_table(card), hide_index=True)


def alone_table(audit: Mapping[str, Any]) -> pd.DataFrame:
    """The recording alone beside the model: one row per figure, intervals in brackets."""
    return pd.DataFrame(
        [
            {
                label("figure"): _FIGURES.get(row["figure"], row["figure"]),
                label("recording_alone"): _with_interval(row["recording"]),
                label("network_alone"): _with_interval(row["network"]),
            }
            for row in audit.get("alone", {}).get("figures", ())
        ]
    )


def swap_table(audit: Mapping[str, Any]) -> pd.DataFrame:
    """What each swap does, in per cent and points."""
    return pd.DataFrame(
        [
            {
                label("swapped"): str(row["what"]).capitalize(),
                label("own_class_percent"): f"{100 * row['control']:.1f} %",
                label("other_class_percent"): f"{100 * row['accuracy']:.1f} %",
                label("cost_points"): _points(row, "cost"),
                label("allowed_points"): f"{100 * row['limit']:.0f} points"
                if row.get("decides")
                else "does not decide",
            }
            for row in audit.get("swaps", ())
        ]
    )


def robustness_table(card: ModelCard) -> pd.DataFrame:
    """Every change with its strength, in per cent and points."""
    return pd.DataFrame(
        [
            {
                label("change"): str(row.get("change", "")).capitalize(),
                label("strength"): row.get("strength", ""),
                label(
                    "accuracy_percent"
                ): f"{100 * row['accuracy']:.1f} % ({100 * row['low']:.1f} to {100 * row['high']:.1f})",
                label("cost_points"): _points(row, "cost") if "cost" in row else "",
                label("ratio_shift_points"): f"{100 * row['share_shift']:z.1f} points" if "share_shift" in row else "",
            }
            for row in card.robustness
        ]
    )


def _verdict(audit: Mapping[str, Any]) -> None:
    level = str(audit.get("level", "clear" if audit.get("passed") else "failed"))
    tiles = [("Shortcut audit", _VERDICTS.get(level, level), "")]
    row = next((r for r in audit.get("alone", {}).get("figures", ()) if r["figure"] == "balanced_accuracy"), None)
    if row is not None:
        tiles += [
            (
                "Recording alone",
                f"{100 * row['recording']['value']:.0f} %",
                "of cells right, each class counts the same",
            ),
            ("Model", _share(row["network"]), "of the same cells"),
        ]
    worst = max((r for r in audit.get("swaps", ()) if r.get("decides")), key=lambda r: float(r["cost"]), default=None)
    if worst is not None:
        tiles.append(("Largest loss by a swap", f"{100 * worst['cost']:z.1f} points", str(worst["what"])))
    show.facts(tiles)
    sentence = str(audit.get("sentence", ""))
    if level == "failed":
        show.warnings([sentence])
    else:
        show.note(sentence)


def _share(figure: Mapping[str, float]) -> str:
    return f"{100 * figure['value']:.0f} %"


def _with_interval(figure: Mapping[str, float]) -> str:
    return f"{figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})"


def _points(row: Mapping[str, Any], name: str) -> str:
    return f"{100 * row[name]:z.1f} points ({100 * row[f'{name}_low']:z.1f} to {100 * row[f'{name}_high']:z.1f})"
