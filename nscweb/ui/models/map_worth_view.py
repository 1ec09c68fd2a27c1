"""What class maps of a model are worth, on its card: sentences, and the table behind them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from nscweb.core.card import ModelCard
from nscweb.core.columns import label
from nscweb.ui import show
from nscweb.words.class_map_words import RIVALS, map_sentences, method_word

MAPS_HELP = (
    "Taken away (deletion): the pixels that the map marks most are set to the background first; the smaller the area "
    "under the score of the class, the more they counted. Given back (insertion): an empty field gets them back first; "
    "the larger, the better. The plain orders below know nothing of the model: a map that does not beat them says no "
    "more than where the middle, or the cell, is. Weights drawn anew (Adebayo et al. 2018): likeness, 1 for the same "
    "and 0 for nothing in common, to the map of an untrained network, mean of three draws; near 1 the map shows the "
    "image, not the model. Moved: likeness to the map of the cell moved by a pixel or two. Brackets are 95 % intervals "
    "over cells."
)


def draw_map_tests(card: ModelCard) -> None:
    """The tests of the maps, or a sentence that they were not made."""
    st.subheader("What are its class maps (Grad-CAM) worth?", anchor=False, help=MAPS_HELP)
    if not card.map_tests:
        st.caption(
            f"Not measured for this model. Measure it with the command nscweb models audit {card.name} --maps-only."
        )
        return
    show.bullets(map_sentences(card))
    st.dataframe(map_table(card.map_tests), hide_index=True)


def map_table(tests: Mapping[str, Any]) -> pd.DataFrame:
    """A row for each way of drawing and each plain order, intervals in brackets."""
    return pd.DataFrame(
        [
            {
                label("map_order"): _order(row),
                label("deletion_area"): _with_interval(row["deletion"], 3),
                label("insertion_area"): _with_interval(row["insertion"], 3),
                label("inside_percent"): _per_cent(row.get("inside")),
                label("last_layer_likeness"): _with_interval(row.get("last_layer"), 2),
                label("all_layers_likeness"): _with_interval(row.get("all_layers"), 2),
                label("shift_1px_likeness"): _with_interval(row.get("shift_1px"), 2),
                label("shift_2px_likeness"): _with_interval(row.get("shift_2px"), 2),
            }
            for row in tests.get("orders", ())
        ]
    )


def _order(row: Mapping[str, Any]) -> str:
    if row["kind"] == "map":
        return f"map: {method_word(row['order'])}"
    return f"plain: {RIVALS[row['order']].removeprefix('the ')}"


def _with_interval(figure: Mapping[str, float] | None, digits: int) -> str:
    if not figure:
        return ""
    return f"{figure['value']:.{digits}f} ({figure['low']:.{digits}f} to {figure['high']:.{digits}f})"


def _per_cent(figure: Mapping[str, float] | None) -> str:
    if not figure:
        return ""
    return f"{100 * figure['value']:.0f} % ({100 * figure['low']:.0f} to {100 * figure['high']:.0f})"
