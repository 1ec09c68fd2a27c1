"""What the user has chosen: study, run and running job, kept in the session and in the address.

The address (`?study=s000012&run=r000007&job=j000031`) wins, so that reloading, going back and sending a link
all show the same thing; the session fills in when a link carries nothing.
"""

from __future__ import annotations

import re

import streamlit as st

_KEYS = ("study", "run", "job")
_ID = re.compile(r"^[srj]\d{1,12}$")


def restore() -> None:
    """Bring address and session to the same choice; ids that cannot be ids are dropped."""
    for key in _KEYS:
        given = st.query_params.get(key)
        if given is not None and _ID.match(given):
            st.session_state[_slot(key)] = given
        elif given is not None:
            del st.query_params[key]
    _write_address()


def chosen(key: str) -> str:
    """Id of the chosen study, run or job; "" when there is none."""
    return str(st.session_state.get(_slot(key), ""))


def choose(key: str, value: str) -> None:
    """Choose a study, run or job. Another study lets go of the run that was chosen."""
    if key == "study" and value != chosen("study"):
        st.session_state.pop(_slot("run"), None)
    if value:
        st.session_state[_slot(key)] = value
    else:
        st.session_state.pop(_slot(key), None)
    _write_address()


def url() -> dict[str, str]:
    """Query parameters that carry the choice to another page (a job stays on its own page)."""
    return {key: chosen(key) for key in ("study", "run") if chosen(key)}


def _slot(key: str) -> str:
    return f"nsc_chosen_{key}"


def _write_address() -> None:
    for key in _KEYS:
        value = chosen(key)
        if value and st.query_params.get(key) != value:
            st.query_params[key] = value
        elif not value and key in st.query_params:
            del st.query_params[key]
