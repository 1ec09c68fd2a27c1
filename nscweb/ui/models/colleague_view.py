"""A model to and from a colleague as one file: the button that packs one, and the upload that installs one."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from nscweb.core.card import CardEntry
from nscweb.core.errors import NscwebError
from nscweb.services.context import App
from nscweb.services.fetch.model_packing import ENDING, check_whole, pack_name, packed_bytes
from nscweb.services.fetch.packed_models import LookedAt, free_name, look_into
from nscweb.services.study import uploads
from nscweb.ui import jobs, show
from nscweb.ui.models.name_field import name_field
from nscweb.ui.text import plain
from nscweb.words.numbers import count

INSTALL = "install"
# The uploaded file whose question is not answered yet.
_ASKED = "colleague_asked"
_PACK_HELP = (
    "One file with weights, card, scores of held-out cells and a small example. The card tells the command that made "
    "the model, and so the names of your folders. Your colleague installs it on the last tab of this page."
)
_INSTALL_HELP = (
    f"A file that ends in {ENDING}. Every file in it is compared with the list of the packer, and the model has to "
    "give the scores of its own example before it is kept."
)


def pack_button(app: App, entry: CardEntry) -> None:
    """Check a model, then offer it as one file."""
    key = f"packed_{entry.card.name}"
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button(
            "Pack for a colleague", key=f"pack_{entry.card.name}", icon=":material/package_2:", help=_PACK_HELP
        ):
            st.session_state.pop(key, None)
            with show.caught("pack"), st.spinner("Checking every file of the model …"):
                check_whole(entry)
                st.session_state[key] = entry.card.weights.sha256
        if st.session_state.get(key) == entry.card.weights.sha256:
            st.download_button(
                "Download the packed model",
                lambda: packed_bytes(app, entry),
                file_name=pack_name(entry.card),
                mime="application/zip",
                icon=":material/download:",
                key=f"pack_file_{entry.card.name}",
                on_click="ignore",
            )


def from_a_colleague(app: App) -> None:
    """The upload of a packed model; where another one has its name, the question what is to be done."""
    st.subheader("From a colleague", anchor=False, help=_INSTALL_HELP)
    if st.session_state.get(_ASKED):
        with show.caught("install"):
            _question(app, Path(st.session_state[_ASKED]))
        return
    file = st.file_uploader("Packed model", type=["zip"], key="colleague_file", help=_INSTALL_HELP)
    if st.button("Install this model", key="colleague_install", disabled=file is None or jobs.is_following()):
        with show.caught("install"):
            assert file is not None
            _received(app, uploads.stage_upload(app, file.name, file, size_bytes=file.size))


def _received(app: App, staged: Path) -> None:
    try:
        found = look_into(app, staged)
    except NscwebError:
        uploads.discard_staged(app, [staged])
        raise
    if found.state == "same":
        uploads.discard_staged(app, [staged])
        show.note(f"{plain(found.card.name)} is installed already, with the same card and weights.")
    elif found.state == "other":
        st.session_state[_ASKED] = str(staged)
        st.rerun()
    else:
        _start(app, staged)


def _question(app: App, staged: Path) -> None:
    """Another model has the name: keep both, replace the one that is there, or leave it."""
    try:
        found = look_into(app, staged)
    except NscwebError:
        st.session_state.pop(_ASKED, None)
        raise
    assert found.there is not None
    with st.container(border=True):
        st.text(_asked(found))
        name = name_field("Name of the new one", free_name(app, found.card.name), "colleague_name")
        with st.container(horizontal=True):
            if st.button("Keep both", key="colleague_both", type="primary"):
                _start(app, staged, rename=name)
            if found.replaceable and st.button("Replace the installed one", key="colleague_replace"):
                _start(app, staged, over=True)
            if st.button("Cancel", key="colleague_cancel"):
                uploads.discard_staged(app, [staged])
                st.session_state.pop(_ASKED, None)
                st.rerun()


def _asked(found: LookedAt) -> str:
    there, new = found.there, found.card
    assert there is not None
    origin = " (simulated)" if new.origin.simulated else ""
    return (
        f"A model called {plain(new.name)} is here already: version {plain(there.card.version)}, "
        f"{count(there.card.origin.cells, 'training cell')}. The one in the file has {found.differs}: version "
        f"{plain(new.version)}, {count(new.origin.cells, 'training cell')}{origin}. Runs of a model that is replaced "
        "stay, but its class maps can no longer be drawn."
    )


def _start(app: App, staged: Path, rename: str = "", over: bool = False) -> None:
    st.session_state.pop(_ASKED, None)
    jobs.start(app, INSTALL, {"packed": True, "file": str(staged), "rename": rename, "over": over})
    st.rerun()
