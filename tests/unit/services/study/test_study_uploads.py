"""Uploads are copied in chunks, within a total, and nothing leads out of the inbox."""

from __future__ import annotations

import io
import os
from dataclasses import replace
from pathlib import Path

import pytest

from nscweb.core.errors import DiskFull, InputRefused, LimitExceeded, WrongUse
from nscweb.services.context import App
from nscweb.services.study import uploads


class Slow(io.BytesIO):
    """Counts the largest read, to see that a big file is never asked for at once."""

    largest = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.largest = max(self.largest, size if size is not None and size >= 0 else 1 << 60)
        return super().read(size)


def test_an_upload_is_copied_in_chunks_and_keeps_its_bytes(opened: App) -> None:
    data = os.urandom(3 * uploads.CHUNK_BYTES + 17)
    stream = Slow(data)
    path = uploads.stage_upload(opened, "My export.zip", stream, size_bytes=len(data))
    assert path.read_bytes() == data and path.name == "My export.zip"
    assert stream.largest <= uploads.CHUNK_BYTES
    assert not list(path.parent.glob(".*"))


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\data\\cells.zip", "cells.zip"),
        ("a\0b.tif", "a_b.tif"),
        ("", "upload"),
        ("..", "upload"),
        (".hidden", "hidden"),
        ("<script>.png", "_script_.png"),
    ],
)
def test_the_name_of_an_upload_never_becomes_a_path(opened: App, given: str, kept: str) -> None:
    path = uploads.stage_upload(opened, given, io.BytesIO(b"x"))
    assert path.name == kept
    assert path.parent.parent == opened.folder.uploads_dir


def test_two_files_of_one_name_are_both_kept(opened: App) -> None:
    upload = uploads.new_upload_id()
    first = uploads.stage_upload(opened, "a.png", io.BytesIO(b"1"), upload_id=upload)
    second = uploads.stage_upload(opened, "a.png", io.BytesIO(b"2"), upload_id=upload)
    assert (first.read_bytes(), second.read_bytes()) == (b"1", b"2")


def test_the_total_of_a_session_is_limited_also_when_the_size_was_not_told(opened: App) -> None:
    upload = uploads.new_upload_id()
    uploads.stage_upload(opened, "a", io.BytesIO(b"x" * 60), upload_id=upload, session_limit=100)
    with pytest.raises(LimitExceeded, match="GB"):
        uploads.stage_upload(opened, "b", io.BytesIO(b"x" * 60), upload_id=upload, session_limit=100)
    assert [path.name for path in (opened.folder.uploads_dir / upload).iterdir()] == ["a"]


def with_limits(app: App, **limits: int) -> App:
    settings = replace(app.settings, limits=replace(app.settings.limits, **limits))
    return replace(app, settings=settings)


def test_limits_of_session_and_server_come_from_the_settings(opened: App) -> None:
    app = with_limits(opened, max_session_bytes=100, max_uploads_bytes=150)
    first, second = uploads.new_upload_id(), uploads.new_upload_id()
    uploads.stage_upload(app, "a", io.BytesIO(b"x" * 90), upload_id=first, size_bytes=90)
    with pytest.raises(LimitExceeded, match="NSCWEB_MAX_SESSION_BYTES") as caught:
        uploads.stage_upload(app, "b", io.BytesIO(b"x" * 20), upload_id=first, size_bytes=20)
    assert caught.value.code == "E-UPLOAD-TOTAL"
    stream = Slow(b"x" * 70)
    with pytest.raises(LimitExceeded, match="all users of this server") as caught:
        uploads.stage_upload(app, "c", stream, upload_id=second, size_bytes=70)
    assert caught.value.code == "E-UPLOAD-SERVER" and "NSCWEB_MAX_UPLOADS_BYTES" in str(caught.value)
    assert stream.largest == 0 and not (app.folder.uploads_dir / second).exists()
    uploads.stage_upload(app, "d", io.BytesIO(b"x" * 50), upload_id=second, size_bytes=50)


def test_the_total_of_the_server_counts_also_when_the_size_was_not_told(
    opened: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "CHUNK_BYTES", 10)
    monkeypatch.setattr(uploads, "_LOOK_BYTES", 20)
    app = with_limits(opened, max_uploads_bytes=150)
    uploads.stage_upload(app, "a", io.BytesIO(b"x" * 90))
    with pytest.raises(LimitExceeded, match="all users"):
        uploads.stage_upload(app, "b", io.BytesIO(b"x" * 90))
    assert sum(path.stat().st_size for path in app.folder.uploads_dir.rglob("*") if path.is_file()) == 90
    uploads.discard_staged(app, list(app.folder.uploads_dir.rglob("a")))
    uploads.stage_upload(app, "b", io.BytesIO(b"x" * 90))


def test_an_upload_that_would_fill_the_disk_is_refused_before_it_is_copied(opened: App) -> None:
    stream = Slow(b"x")
    with pytest.raises(DiskFull, match="enough room"):
        app = with_limits(opened, max_session_bytes=1 << 62, max_uploads_bytes=1 << 62)
        uploads.stage_upload(app, "big.zip", stream, size_bytes=1 << 60)
    assert stream.largest == 0


def test_an_upload_id_is_checked(opened: App) -> None:
    with pytest.raises(WrongUse):
        uploads.stage_upload(opened, "a", io.BytesIO(b""), upload_id="../x")


def test_old_uploads_are_cleaned_and_new_ones_stay(opened: App) -> None:
    old = uploads.stage_upload(opened, "old.zip", io.BytesIO(b"1"))
    new = uploads.stage_upload(opened, "new.zip", io.BytesIO(b"2"))
    for path in (old, old.parent):
        os.utime(path, (1_000_000, 1_000_000))
    assert uploads.clean_uploads(opened) == 1
    assert not old.exists() and new.exists()


def test_discarding_leaves_files_outside_the_uploads_alone(opened: App, tmp_path: Path) -> None:
    mine = tmp_path / "mine.zip"
    mine.write_bytes(b"1")
    staged = uploads.stage_upload(opened, "a.zip", io.BytesIO(b"2"))
    uploads.discard_staged(opened, [mine, staged])
    assert mine.exists() and not staged.parent.exists()


def test_the_inbox_lists_names_and_sizes_but_no_links(opened: App, tmp_path: Path) -> None:
    inbox = opened.settings.inbox
    (inbox / "export.zip").write_bytes(b"123")
    (inbox / "folder").mkdir()
    (inbox / "folder" / "a.png").write_bytes(b"12345")
    (inbox / ".hidden").write_bytes(b"")
    (inbox / "link").symlink_to(tmp_path)
    listed = [(item.name, item.size_bytes, item.is_folder) for item in uploads.list_inbox(opened)]
    assert listed == [("export.zip", 3, False), ("folder", 5, True)]
    assert uploads.inbox_path(opened, "export.zip").read_bytes() == b"123"


@pytest.mark.parametrize("name", ["..", "../catalogue.sqlite", "a/b", "a\\b", "", "link", "\0"])
def test_no_name_leads_out_of_the_inbox(opened: App, tmp_path: Path, name: str) -> None:
    (opened.settings.inbox / "link").symlink_to(tmp_path)
    with pytest.raises(WrongUse):
        uploads.inbox_path(opened, name)


def test_a_name_that_is_gone_from_the_inbox_is_told(opened: App) -> None:
    with pytest.raises(InputRefused, match=r"gone\.zip"):
        uploads.inbox_path(opened, "gone.zip")
