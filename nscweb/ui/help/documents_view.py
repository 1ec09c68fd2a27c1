"""The documents on a page: a list, and the one that was chosen."""

from __future__ import annotations

import streamlit as st

from nscweb.services.documents import Document, documents, pieces
from nscweb.ui import show

# Part of the address, so that a link to a document can be sent.
_KEY = "document"
_BOX, _DRAWN = "help_document", "nsc_document_drawn"


def choose() -> Document | None:
    """A box with all documents, in step with the address; None where there are none."""
    there = {item.key: item for item in documents()}
    if not there:
        show.empty("The documents are not here", "This copy of nscweb was installed without its folder docs.")
        return None
    keys = list(there)
    asked = st.query_params.get(_KEY, "")
    # A box whose first choice follows the address would be another box after each choice, and forget the next one.
    if _BOX not in st.session_state or (asked and asked != st.session_state.get(_DRAWN)):
        st.session_state[_BOX] = asked if asked in there else keys[0]
    chosen = st.selectbox(
        "Document",
        keys,
        key=_BOX,
        format_func=lambda key: f"Measured: {there[key].title}" if there[key].measured else there[key].title,
    )
    st.session_state[_DRAWN] = chosen
    if chosen != asked:
        st.query_params[_KEY] = chosen
    return there[chosen]


def draw(document: Document) -> None:
    """The document, its pictures in their places."""
    for piece in pieces(document):
        if piece.picture is None:
            st.markdown(piece.text)
        elif piece.picture.is_file():
            st.image(piece.picture, caption=piece.text or None)
