"""Edits of the sheet that are not saved yet: they stay when another page or tab is opened.

The editor keeps edits in its widget, by row, and Streamlit forgets a widget that is not drawn.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import streamlit as st

from nscweb.core.samples import Study


@dataclass(frozen=True)
class Start:
    """Attributes:
    table: what the editor starts from.
    opened: True when the editor was not drawn before.
    kept: True when `table` holds edits that were not saved.
    """

    table: pd.DataFrame
    opened: bool
    kept: bool


def start_of(study: Study, stored: pd.DataFrame) -> Start:
    """The table that the editor starts from; the same one as long as it is drawn."""
    slot = f"nsc_sheet_start_{study.study_id}"
    held = st.session_state.get(slot)
    if held is not None and held[0] == editor_key(study):
        if not held[1].equals(stored):
            start_anew(study)  # the stored sheet changed elsewhere: edits by row would land on other values
        elif editor_key(study) in st.session_state:
            return Start(held[2], False, held[3])
    draft = st.session_state.get(_draft(study))
    kept = draft is not None and draft[0].equals(stored)
    table = draft[1] if kept else stored
    st.session_state[slot] = (editor_key(study), stored, table, kept)
    return Start(table, True, kept)


def remember(study: Study, stored: pd.DataFrame, edited: pd.DataFrame) -> bool:
    """Keep what the editor holds; hands back whether it differs from what is stored."""
    changed = not edited.equals(stored)
    st.session_state[_draft(study)] = (stored, edited) if changed else None
    return changed


def start_anew(study: Study) -> None:
    """Let the editor start from what is stored."""
    st.session_state[_draft(study)] = None
    st.session_state[_rounds(study)] = int(st.session_state.get(_rounds(study), 0)) + 1


def editor_key(study: Study) -> str:
    """Key of the editor; another one after each start."""
    return f"sheet_{study.study_id}_{int(st.session_state.get(_rounds(study), 0))}"


def _draft(study: Study) -> str:
    return f"nsc_sheet_draft_{study.study_id}"


def _rounds(study: Study) -> str:
    return f"nsc_sheet_round_{study.study_id}"
