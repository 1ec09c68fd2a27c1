"""Bringing in cells: upload or inbox, name and options, import as a job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

import pandas as pd
import streamlit as st

from nscweb.core.errors import NscwebError
from nscweb.services.context import App
from nscweb.services.study import uploads
from nscweb.services.study.import_request import ImportRequest
from nscweb.services.study.study import list_studies
from nscweb.services.study.understood.understanding import names_read
from nscweb.ui import jobs, show
from nscweb.ui.study.field_view import MENDINGS, field_options
from nscweb.ui.text import html, plain
from nscweb.words.numbers import count

_STAGED = "nsc_staged"
_ROUND = "nsc_upload_round"
_UPLOAD_ID = "nsc_upload_id"
_PROBLEM = "nsc_upload_problem"
_DONE = "nsc_imports_started"
NEW = "a new study"
_WANTED = "nsc_new_study_wanted"
UPLOAD = "This computer"
INBOX = "Inbox of the server"
_LISTED = 6


@dataclass(frozen=True)
class Staged:
    """A file that was copied to the server's disk and waits for its import."""

    name: str
    path: str
    size_bytes: int


def unfold() -> None:
    """Let the form stand open on the page Study until cells are brought in."""
    st.session_state[_WANTED] = True


def new_study(app: App, *, expanded: bool) -> None:
    """The form for a new study, folded away when the user already works on one and has not asked for it."""
    expanded = expanded or bool(st.session_state.get(_WANTED))
    # After an import the form folds and starts empty again.
    done = st.session_state.get(_DONE, 0)
    fold = f"new_study_{expanded}_{done}"
    with st.expander("New study: bring in cells", expanded=expanded, icon=":material/upload_file:", key=fold):
        where = st.segmented_control(
            "Where are the images?", [UPLOAD, INBOX], default=UPLOAD, required=True, key="new_where"
        )
        paths = _uploaded(app) if where == UPLOAD else _from_inbox(app)
        there = [study.name for study in list_studies(app)]
        add_to = st.selectbox(
            "Add to",
            [NEW, *there],
            format_func=lambda text: text if text == NEW else plain(text),
            key=f"new_add_to_{done}",
            help="Samples that come later can be put into a study that is there; predict it again afterwards.",
        )
        suggestion = PurePath(paths[0].name).name.split(".")[0] if paths else ""
        name = st.text_input(
            "Name of the study",
            key=f"new_name_{done}",
            placeholder=plain(suggestion) or "for example Screen 1",
            max_chars=120,
            disabled=add_to != NEW,
        )
        with st.expander("Options", icon=":material/tune:"):
            request = _request(app, [Path(item.path) for item in paths], name.strip() or suggestion or "Study")
        if add_to != NEW:
            request = replace(request, name="", add_to=add_to)
        ready = bool(paths)
        if st.button("Import", type="primary", disabled=not ready, icon=":material/input:", key="new_import"):
            with show.caught("import"):
                jobs.start_import(app, request)
                _forget()
                st.session_state[_DONE] = done + 1
                st.session_state.pop(_WANTED, None)
                st.rerun()
        if not ready:
            st.caption(
                "Zips exported from the instrument's software (each folder becomes a sample), .cif or .rif files "
                "(drop the .daf with them), .rtdc and .npz files, montages, or images as PNG, JPEG, BMP, TIFF or "
                "OME-TIFF. Feature tables and .pop files join the cells they name."
            )


def _request(app: App, paths: Sequence[Path], name: str) -> ImportRequest:
    """The import with the options that the page asks for."""
    left, middle, right = st.columns(3)
    channel = left.text_input(
        "Brightfield channel",
        key="new_channel",
        placeholder="found from names and pixels",
        max_chars=40,
        help="Leave empty and the channel that looks like brightfield is taken. All channels are kept; "
        "the choice is shown after the import and can be changed there.",
    )
    pixel_size = middle.number_input(
        "Pixel size in µm",
        min_value=0.01,
        max_value=20.0,
        value=None,
        step=0.01,
        format="%.3f",
        key="new_pixel",
        placeholder="not known",
        help="Micrometres for each pixel, from the instrument. It is never guessed; "
        "without it there are no scale bars.",
    )
    class_from_folder = right.checkbox(
        "The innermost folder names the true class",
        key="new_class",
        help="Only for studies whose fates are known, for example from markers. It fills the column "
        "“true class” of "
        "the sample sheet, which the page Evaluate needs.",
    )
    tile = left.number_input(
        "Tile size of montages in pixels",
        min_value=8,
        max_value=256,
        value=None,
        step=1,
        key="new_tile",
        placeholder="found from the pixels",
        help="Only for montages such as Ch3_CP0001.tif, which hold many cells in a grid. Enter it when the import says "
        "that it cannot find the tiles.",
    )
    pattern = middle.text_input(
        "Pattern of sample names",
        key="new_pattern",
        placeholder="{group}_{day}d_{rep}",
        max_chars=200,
        help="How the names of your folders say group, time and replicate. Leave it empty and names are read by their "
        "words; what was understood is shown after the import. Fields: {group}, {time} with its unit, {hours}, {day}, "
        "{rep}, {donor}, {dose}, {date}, {instrument}; {*} is anything that says nothing.",
    )
    _preview(app, pattern, paths)
    return ImportRequest(
        tuple(paths),
        name,
        name_pattern=pattern.strip(),
        channel=channel.strip() or None,
        class_from_folder=class_from_folder,
        pixel_size_um=pixel_size,
        tile_px=tile,
        fields=field_options(app, paths, channel.strip() or None, pixel_size),
    )


def _preview(app: App, pattern: str, paths: Sequence[Path]) -> None:
    """What the pattern reads in the names of the files that wait, while it is written."""
    if not pattern.strip() or not paths:
        return
    with show.caught("pattern"):
        read = [
            (plain(name), *(plain(text) for text in said)) for name, *said in names_read(app, paths, pattern.strip())
        ]
        st.dataframe(pd.DataFrame(read, columns=["Name", "Group", "Time", "Replicate", "Fits"]), hide_index=True)


def _uploaded(app: App) -> Sequence[Staged]:
    staged: list[Staged] = st.session_state.setdefault(_STAGED, [])
    files = st.file_uploader(
        "Zip or images",
        accept_multiple_files=True,
        key=f"upload_{st.session_state.get(_ROUND, 0)}",
        help="Files are copied to the data folder of this server and stay there. For more than a few "
        "gigabytes use "
        "the inbox folder or the command nscweb study import.",
    )
    if files:
        _stage(app, files, staged)
        # A new key empties the box, so that the server lets go of the bytes that are on disk now.
        st.session_state[_ROUND] = st.session_state.get(_ROUND, 0) + 1
        st.rerun()
    problem = st.session_state.pop(_PROBLEM, None)
    if isinstance(problem, NscwebError):
        show.problem(problem)
    if staged:
        size = sum(item.size_bytes for item in staged)
        names = ", ".join(html(item.name, 60) for item in staged[:_LISTED])
        more = f" and {len(staged) - _LISTED} more" if len(staged) > _LISTED else ""
        st.html(
            f'<div class="nsc-note"><b>{count(len(staged), "file")}, {_size(size)}, ready to import:</b> '
            f"{names}{more}</div>"
        )
        if st.button("Take these files away again", type="tertiary", icon=":material/delete:", key="new_clear"):
            uploads.discard_upload(app, _upload_id())
            _forget()
            st.rerun()
    return staged


def _stage(app: App, files: Sequence[object], staged: list[Staged]) -> None:
    try:
        for file in files:
            # What Streamlit gives is a binary file with a name and a size; it has no public type.
            name, size = str(file.name), int(file.size)  # type: ignore[attr-defined]
            path = uploads.stage_upload(app, name, file, upload_id=_upload_id(), size_bytes=size)  # type: ignore[arg-type]
            staged.append(Staged(name, str(path), size))
    except NscwebError as error:
        st.session_state[_PROBLEM] = error


def _from_inbox(app: App) -> Sequence[Staged]:
    items = {item.name: item for item in uploads.list_inbox(app)}
    st.caption("Put exports of any size into this folder on the server, then choose them here. They are not changed.")
    st.code(str(app.settings.inbox), language=None)
    if not items:
        show.empty("The inbox is empty", "Copy a zip or a folder of images there and reload this page.")
        return []
    chosen = st.multiselect(
        "Files and folders",
        list(items),
        key="new_inbox",
        placeholder="choose",
        format_func=lambda name: (
            f"{plain(name)} ({'folder, ' if items[name].is_folder else ''}{_size(items[name].size_bytes)})"
        ),
    )
    return [Staged(name, str(uploads.inbox_path(app, name)), items[name].size_bytes) for name in chosen]


def _upload_id() -> str:
    return str(st.session_state.setdefault(_UPLOAD_ID, uploads.new_upload_id()))


def _forget() -> None:
    for key in (_STAGED, _UPLOAD_ID, MENDINGS):
        st.session_state.pop(key, None)


def _size(size_bytes: int) -> str:
    for unit, scale in (("GB", 1024**3), ("MB", 1024**2), ("kB", 1024)):
        if size_bytes >= scale:
            return f"{size_bytes / scale:.1f} {unit}"
    return f"{size_bytes} bytes"
