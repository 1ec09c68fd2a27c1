"""Files on their way in: browser uploads copied to disk in chunks, and the inbox folder on the server."""

from __future__ import annotations

import contextlib
import re
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, BinaryIO
from uuid import uuid4

from nscweb.core.errors import DiskFull, InputRefused, LimitExceeded, StoreError, WrongUse
from nscweb.core.limits import setting_name
from nscweb.core.progress import Progress, no_progress

if TYPE_CHECKING:
    from nscweb.services.context import App

CHUNK_BYTES = 1 << 20
# Kept free beside an upload, because the import that follows writes cells and the catalogue.
SPARE_BYTES = 200 * 1024 * 1024
# How much is copied between two looks at the disk and at what other sessions hold.
_LOOK_BYTES = 64 * CHUNK_BYTES
KEEP_SECONDS = 24 * 3600.0
_UPLOAD_ID = re.compile(r"^[0-9a-f]{32}$")
_UNSAFE = re.compile(r"[^\w.,+() -]")


@dataclass(frozen=True)
class InboxFile:
    """A file or folder in the inbox: its name there, bytes in all, True for a folder."""

    name: str
    size_bytes: int
    is_folder: bool


def new_upload_id() -> str:
    """A fresh id; one browser session keeps it and puts all its files under it."""
    return uuid4().hex


def stage_upload(
    app: App,
    name: str,
    stream: BinaryIO,
    *,
    upload_id: str | None = None,
    size_bytes: int = 0,
    session_limit: int | None = None,
    progress: Progress = no_progress,
) -> Path:
    """Copy an upload to ``uploads/<upload_id>/<name>`` in chunks, so that the server can let go of it.

    Args:
        name: as the browser gave it; only its last part is used, with unusual characters replaced.
        upload_id: from `new_upload_id`; None makes a new one.
        size_bytes: of the whole file when known, to refuse before copying.
        session_limit: bytes that one upload id may hold; None takes the limit of the settings.
        progress: called with bytes done and in all.

    Raises:
        LimitExceeded: the files under this id, or all uploads on this server, are together over the limit.
        DiskFull: the copy would leave too little room.
    """
    chosen = upload_id or new_upload_id()
    folder = _upload_folder(app, chosen)
    most = app.settings.limits.max_session_bytes if session_limit is None else session_limit
    held = _bytes_below(folder)
    _check_session(name, held + size_bytes, most)
    _check_server(app, name, size_bytes)
    _check_space(app, name, size_bytes)
    folder.mkdir(parents=True, exist_ok=True)
    target = _free_name(folder, safe_name(name))
    part = folder / f".{uuid4().hex}.part"
    done = 0
    try:
        with part.open("wb") as handle:
            while chunk := stream.read(CHUNK_BYTES):
                done += len(chunk)
                _check_session(name, held + done, most)
                if done % _LOOK_BYTES < len(chunk):
                    _check_server(app, name, max(done, size_bytes), part)  # other sessions copy meanwhile
                    _check_space(app, name, max(0, size_bytes - done))
                handle.write(chunk)
                progress(done, size_bytes, f"Copying {name}")
        part.replace(target)
    except OSError as error:
        raise _write_error(name, error) from error
    finally:
        part.unlink(missing_ok=True)
    return target


def discard_upload(app: App, upload_id: str) -> None:
    """Remove every file of an upload id; nothing happens when there is none."""
    shutil.rmtree(_upload_folder(app, upload_id), ignore_errors=True)


def discard_staged(app: App, paths: Iterable[Path]) -> None:
    """Remove staged files after their import; paths outside the folder of uploads are left alone."""
    root = app.folder.uploads_dir.resolve()
    for path in paths:
        parent = path.resolve().parent
        if parent.parent == root and _UPLOAD_ID.match(parent.name):
            path.unlink(missing_ok=True)
            if parent.exists() and not any(parent.iterdir()):
                parent.rmdir()


def clean_uploads(app: App, keep_seconds: float = KEEP_SECONDS, now: float | None = None) -> int:
    """Remove uploads that nobody imported within a day; returns how many."""
    root = app.folder.uploads_dir
    limit = (time.time() if now is None else now) - keep_seconds
    old = [path for path in root.iterdir() if path.is_dir() and _newest(path) < limit] if root.exists() else []
    for path in old:
        shutil.rmtree(path, ignore_errors=True)
    return len(old)


def list_inbox(app: App) -> list[InboxFile]:
    """Files and folders that somebody put into the inbox, by name; links and hidden files are left out."""
    root = app.settings.inbox
    if not root.is_dir():
        return []
    found = []
    for path in sorted(root.iterdir(), key=lambda item: item.name.lower()):
        if path.name.startswith(".") or path.is_symlink():
            continue
        if path.is_dir():
            size = sum(item.stat().st_size for item in path.rglob("*") if _plain_file(item))
            found.append(InboxFile(path.name, size, True))
        elif path.is_file():
            found.append(InboxFile(path.name, path.stat().st_size, False))
    return found


def inbox_path(app: App, name: str) -> Path:
    """Path of something that `list_inbox` named.

    Raises:
        WrongUse: the name would lead out of the inbox.
        InputRefused: nothing of that name lies there.
    """
    root = app.settings.inbox.resolve()
    if not name or name in (".", "..") or "/" in name or "\\" in name or "\0" in name:
        raise WrongUse(f"{name!r} is not the name of a file in the inbox.")
    path = root / name
    if path.is_symlink() or path.resolve().parent != root:
        raise WrongUse(f"{name!r} leads out of the inbox folder.", "Put the file itself there.")
    if not path.exists():
        raise InputRefused(f"There is no {name!r} in the inbox.", "Look at the list again.", "E-INBOX-MISSING")
    return path


def safe_name(name: str) -> str:
    """Last part of an uploaded file's name with unusual characters replaced, at most 120 characters."""
    last = PurePosixPath(name.replace("\\", "/")).name
    cleaned = _UNSAFE.sub("_", last).strip(" .") or "upload"
    stem, dot, suffix = cleaned.rpartition(".")
    return f"{stem[:100]}{dot}{suffix[-19:]}" if dot and stem else cleaned[:120]


def _upload_folder(app: App, upload_id: str) -> Path:
    if not _UPLOAD_ID.match(upload_id):
        raise WrongUse("That is not the id of an upload.")
    return app.folder.uploads_dir / upload_id


def _free_name(folder: Path, name: str) -> Path:
    path, count = folder / name, 1
    while path.exists():
        count += 1
        path = folder / f"{count}-{name}"
    return path


def _check_session(name: str, total: int, limit: int) -> None:
    if total > limit:
        raise LimitExceeded(
            f"With {name} the files that wait for import would take {total / 1024**3:.1f} GB; "
            f"{limit / 1024**3:.1f} GB are allowed.",
            "Put big exports into the inbox folder, or use: nscweb study import. "
            f"{setting_name('max_session_bytes')} allows more.",
            "E-UPLOAD-TOTAL",
        )


def _check_server(app: App, name: str, size: int, part: Path | None = None) -> None:
    limit = app.settings.limits.max_uploads_bytes
    total = _bytes_below(app.folder.uploads_dir, part) + size
    if total > limit:
        raise LimitExceeded(
            f"With {name} the uploads of all users of this server that wait for import would take "
            f"{total / 1024**3:.1f} GB; {limit / 1024**3:.1f} GB are allowed.",
            "Try again when other imports are finished, or put the export into the inbox folder. "
            f"{setting_name('max_uploads_bytes')} allows more.",
            "E-UPLOAD-SERVER",
        )


def _bytes_below(folder: Path, besides: Path | None = None) -> int:
    """Bytes of all files below a folder but one; files that go away meanwhile do not count."""
    total = 0
    for path in folder.rglob("*") if folder.exists() else ():
        with contextlib.suppress(OSError):
            total += path.stat().st_size if path != besides and _plain_file(path) else 0
    return total


def _check_space(app: App, name: str, more: int) -> None:
    free = shutil.disk_usage(app.settings.data_dir).free
    if free < more + SPARE_BYTES:
        raise DiskFull(
            f"There is not enough room on the disk for {name}: {(more + SPARE_BYTES) / 1024**2:,.0f} MB are "
            f"needed, {free / 1024**2:,.0f} MB are free.",
            "Delete studies that are no longer needed, or choose another data folder.",
        )


def _write_error(name: str, error: OSError) -> StoreError:
    if error.errno == 28:
        return DiskFull(f"The disk became full while {name} was copied.", "Free some space and try again.")
    return StoreError(f"{name} could not be stored ({error.strerror or error}).")


def _newest(folder: Path) -> float:
    return max((path.stat().st_mtime for path in [folder, *folder.iterdir()]), default=0.0)


def _plain_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()
