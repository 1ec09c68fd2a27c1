"""A field for a name that becomes a folder: what cannot be a name is made one as soon as it was typed."""

from __future__ import annotations

import streamlit as st

from nscweb.core.model_names import made_valid
from nscweb.ui.text import plain

HELP = "Letters without accents, digits and . _ - only; other characters become a dash. It becomes a folder."


def name_field(caption: str, value: str, key: str, width: int = 420) -> str:
    """The name in the field; what was typed and became another name is told below it."""
    typed = f"{key}_typed"

    def mend() -> None:
        before = str(st.session_state[key])
        after = made_valid(before)
        st.session_state.pop(typed, None)
        # Where nothing is left the field stays, and the refusal says what a name is.
        if after and after != before:
            st.session_state[key] = after
            st.session_state[typed] = before

    name: str = st.text_input(caption, value=value, key=key, max_chars=80, width=width, help=HELP, on_change=mend)
    if typed in st.session_state:
        st.caption(f"“{plain(st.session_state[typed], 80)}” cannot be the name of a folder; it is called {name}.")
    return name.strip()
