"""Published models, ImageNet weights and public data on pages: what, size, licence, source, and one button each.

Drawing asks no server for anything. A button queues a job (kinds ``install`` and ``fetch``), so that the tab may be
closed while it downloads.
"""

from __future__ import annotations

import streamlit as st

from nscweb.services.context import App
from nscweb.services.fetch import public_data, public_data_import
from nscweb.services.fetch import published_models as published
from nscweb.services.fetch.published_models import Installable
from nscweb.services.study import uploads
from nscweb.ui import jobs, show
from nscweb.ui.text import html, plain
from nscweb.words.numbers import count

INSTALL, FETCH = "install", "fetch"
_HELP = (
    "The file is downloaded from its authors once and compared with the checksum that is known of it. Without "
    "internet, download it elsewhere and choose the file below."
)


def published_models(app: App) -> None:
    """The section of the page Models: published models with their buttons, then weights to start training from."""
    st.subheader("Published models", anchor=False, help=_HELP)
    items = published.list_installable(app)
    for item in items:
        if item.kind == "model":
            _model(app, item)
    _backbones(app, [item for item in items if item.kind != "model"])
    jobs.follow_current(app, INSTALL)


def public_sets(app: App) -> None:
    """Public data sets, each with a button that downloads it and imports it as a study."""
    st.subheader("Public data", anchor=False)
    for item in public_data.PUBLIC.values():
        with st.container(border=True):
            st.html(_facts(item.title, item.what, [item.paper], item.page))
            here = public_data_import.files_here(app, item.name)
            if here:
                st.caption(
                    f"{count(len(here), 'file or folder', 'files and folders')} of it are on this computer already."
                )
            st.caption(
                "It has many thousand images and may take hours to download; it goes on where it stopped. "
                "The licence is the one that figshare states; it is kept with the files."
            )
            if st.button("Download and import", key=f"fetch_{item.name}", icon=":material/download:", disabled=_busy()):
                with show.caught("fetch"):
                    public_data_import.check_free(app, item.name)
                    _start(app, FETCH, {"name": item.name})
    jobs.follow_current(app, FETCH)


def _model(app: App, item: Installable) -> None:
    with st.container(border=True):
        size = f"about {item.megabytes:.0f} MB"
        st.html(_facts(item.title, item.what, [size, item.licence], item.source))
        if item.installed:
            st.caption("Installed. It is in the list of models, with what is known about it and where it stops.")
            return
        if st.button("Install", key=f"install_{item.name}", icon=":material/download:", disabled=_busy()):
            with show.caught("install"):
                _start(app, INSTALL, {"name": item.name})
        with st.expander("From a file on this computer", icon=":material/upload_file:"):
            _from_file(app, item)


def _from_file(app: App, item: Installable) -> None:
    file = st.file_uploader(
        "The authors' file",
        key=f"install_file_{item.name}",
        help="Only the file that the authors published is taken; it is recognised by its checksum.",
    )
    if st.button("Install from this file", key=f"install_from_{item.name}", disabled=file is None or _busy()):
        with show.caught("install"):
            assert file is not None
            staged = uploads.stage_upload(app, file.name, file, size_bytes=file.size)
            _start(app, INSTALL, {"name": item.name, "file": str(staged)})


def _backbones(app: App, items: list[Installable]) -> None:
    with st.expander("ImageNet weights from which training can start", icon=":material/model_training:"):
        here = [item for item in items if item.installed]
        st.caption("On this computer: " + ", ".join(plain(item.title) for item in here) + ".")
        missing = {item.name: item for item in items if not item.installed}
        if not missing:
            return
        name = st.selectbox(
            "Download",
            list(missing),
            format_func=lambda key: f"{missing[key].title}, {missing[key].megabytes:.0f} MB",
            key="install_backbone",
            width=420,
        )
        chosen = missing[name]
        st.caption(plain(f"{chosen.licence}. From {chosen.source}", 300))
        if st.button("Download", key="install_backbone_go", icon=":material/download:", disabled=_busy()):
            with show.caught("install"):
                _start(app, INSTALL, {"name": name})


def _busy() -> bool:
    """A job is followed on this page already; its progress is shown below."""
    return jobs.is_following()


def _facts(title: str, what: str, facts: list[str], source: str) -> str:
    told = " · ".join(html(fact, 200) for fact in facts)
    link = f'<a href="{html(source, 300)}" target="_blank" rel="noopener noreferrer">{html(source, 300)}</a>'
    return f"<b>{html(title)}</b><br>{html(what, 400)}<br><small>{told}<br>{link}</small>"


def _start(app: App, kind: str, payload: dict[str, object]) -> None:
    jobs.start(app, kind, payload)
    st.rerun()
