"""One careful downloader: a file appears under its name only when it is whole and is the one that was meant.

Nothing here runs by itself: every download is asked for by a person. A download that was cut off, cancelled or
killed leaves a hidden ``.part`` file and goes on from there (HTTP Range, RFC 9110 section 14), if the server
still has the same file (``If-Range`` with its ETag) or a checksum tells afterwards.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from nscweb.core.errors import InputRefused, LimitExceeded
from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress, stop_if_asked
from nscweb.services.fetch.web_requests import Answer, Patience, RangeRefused, TryAgain, cut_off, open_url, with_tries
from nscweb.services.file_lock import file_lock
from nscweb.store.files import named, need_space

# The step of a job starts with this word while it counts bytes.
STEP = "Downloading"
_PIECE = 1 << 16
# A try that brought this much is no failure, so that a bad line still gets a big file.
_WORTH_A_TRY = 1 << 20
_RANGE = re.compile(r"^bytes (\d+)-(\d+)/(\d+|\*)$")


@dataclass(frozen=True)
class Expected:
    """How a file is recognised; what is empty is not checked.

    Attributes:
        size: bytes.
        md5, sha256: hexadecimal; of SHA-256 a beginning will do.
        git_blob: id of the file in git: SHA-1 of ``blob <size>``, a zero byte and the content.
    """

    size: int | None = None
    md5: str = ""
    sha256: str = ""
    git_blob: str = ""

    @property
    def has_checksum(self) -> bool:
        return bool(self.md5 or self.sha256 or self.git_blob)


def git_blob_id(path: Path) -> str:
    """The id that git gives to the content of a file, 40 hexadecimal digits (FACTS section 1)."""
    digest = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    return _digest(path, digest)


def check_file(path: Path, expected: Expected, name: str = "") -> None:
    """Compare a file with what it should be.

    Args:
        name: what to call it in the sentence, its own name otherwise.

    Raises:
        InputRefused: size or checksum differ; the sentence says which, and both values.
    """
    name = name or path.name
    size = path.stat().st_size
    if expected.size is not None and size != expected.size:
        raise InputRefused(
            f"The file {name} has {size:,} bytes; it should have {expected.size:,}.",
            "Get it again from its source.",
            "E-DOWNLOAD-SIZE",
        )
    wanted = (
        ("git blob id", expected.git_blob, git_blob_id),
        ("SHA-256", expected.sha256, lambda file: _digest(file, hashlib.sha256())),
        ("MD5", expected.md5, lambda file: _digest(file, hashlib.md5(usedforsecurity=False))),
    )
    for kind, value, measure in wanted:
        found = measure(path) if value else ""
        if value and not found.startswith(value.lower()):
            raise InputRefused(
                f"The file {name} is not the one that was meant: its {kind} is {found}, it should be {value}.",
                "It was damaged on the way or changed at its source. Get it again; if it stays so, do not use it.",
                "E-DOWNLOAD-HASH",
            )


def download(
    url: str,
    target: Path,
    *,
    expected: Expected | None = None,
    most_bytes: int,
    patience: Patience | None = None,
    progress: Progress = no_progress,
    cancel: CancelAsked = never_cancelled,
) -> Path:
    """Get a file from an https address, go on where an earlier call stopped, check it, and give it its name.

    Args:
        target: final path; its folder is made. A file that is there already is checked and kept when it is right.
        most_bytes: a longer file is refused.
        progress: called with bytes done and in all (0 when not known); the step tells the seconds left.

    Raises:
        InputRefused: no network (``E-NO-NETWORK``), another answer (``E-DOWNLOAD-STATUS``), cut off
            (``E-DOWNLOAD-CUT``), wrong size or checksum (the file is removed).
        LimitExceeded: it is longer than `most_bytes`.
        DiskFull: no room, looked at first. JobCancelled: somebody asked to stop; what has arrived is kept.
    """
    expected, patience = expected or Expected(), patience or Patience()
    target.parent.mkdir(parents=True, exist_ok=True)
    with file_lock(target.with_name(f".{target.name}.lock")) as held:
        if not held:
            raise InputRefused(
                f"The file {target.name} is being downloaded already.", "Wait for it.", "E-DOWNLOAD-TWICE"
            )
        if target.is_file() and expected.has_checksum and _fits(target, expected):
            return target
        work = _Download(url, target, expected, most_bytes, patience, progress, cancel)
        # A file that was put together from parts of two versions is got once more as a whole.
        for again in (True, False):
            resumed = with_tries(work.once, patience, cancel)
            try:
                check_file(work.part, expected, target.name)
                break
            except InputRefused:
                work.forget()
                if not (resumed and again):
                    raise
        work.part.replace(target)
        work.note.unlink(missing_ok=True)
    return target


class _Download:
    """One file on its way: the part that is there, and the note of which version it belongs to."""

    def __init__(
        self,
        url: str,
        target: Path,
        expected: Expected,
        most_bytes: int,
        patience: Patience,
        progress: Progress,
        cancel: CancelAsked,
    ) -> None:
        self.url, self.name, self.expected, self.most_bytes = url, target.name, expected, most_bytes
        self.patience, self.progress, self.cancel = patience, progress, cancel
        self.host = urlsplit(url).hostname or url
        self.part = target.with_name(f".{target.name}.part")
        self.note = target.with_name(f".{target.name}.part.json")

    def forget(self) -> None:
        """Remove what has arrived."""
        self.part.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)

    def once(self) -> bool:
        """Get what is missing; True when a part from an earlier try was used."""
        have = self.part.stat().st_size if self.part.is_file() else 0
        etag = self._etag() if have else ""
        if have and not etag and not self.expected.has_checksum:
            have = 0
        self._check_size(self.expected.size or 0)
        if have and have == self.expected.size:
            return True
        need_space(self.part.parent, max(0, (self.expected.size or 0) - have))
        headers = {"Range": f"bytes={have}-"} if have else {}
        if have and etag:
            headers["If-Range"] = etag
        try:
            answer = open_url(self.url, headers, self.patience.timeout_s)
        except RangeRefused:
            self.forget()
            raise TryAgain(cut_off(self.host, f"the file {self.name}")) from None
        with answer:
            start, total = self._where(answer, have)
            self._check_size(total)
            need_space(self.part.parent, max(0, total - start))
            try:
                self._write(answer, start, total)
            except OSError as error:
                raise named(error, self.part) from error
        return start > 0

    def _where(self, answer: Answer, have: int) -> tuple[int, int]:
        """(first byte, size of the whole file, 0 when not known) of an answer."""
        length = answer.headers.get("Content-Length", "")
        if answer.status != 206:
            return 0, int(length) if length.isdecimal() else self.expected.size or 0
        match = _RANGE.match(answer.headers.get("Content-Range", ""))
        if match is None or int(match[1]) != have:
            self.forget()
            raise TryAgain(cut_off(self.host, f"the file {self.name}"))
        return have, int(match[3]) if match[3] != "*" else self.expected.size or 0

    def _write(self, answer: Answer, start: int, total: int) -> None:
        self.note.write_text(json.dumps({"url": self.url, "etag": answer.headers.get("ETag", "")}), "utf-8")
        began, done = self.patience.clock(), start
        with self.part.open("r+b" if start else "wb") as stream:
            stream.truncate(start)
            stream.seek(start)
            while True:
                stop_if_asked(self.cancel)
                try:
                    piece = answer.read1(_PIECE)
                except ConnectionError as error:
                    raise self._cut(done - start) from error
                if not piece:
                    break
                done += len(piece)
                self._check_size(done)
                stream.write(piece)
                self.progress(done, total, self._step(began, done - start, total - done))
        if total and done < total:
            raise self._cut(done - start)

    def _cut(self, brought: int) -> TryAgain:
        return TryAgain(cut_off(self.host, f"the file {self.name}"), came_further=brought >= _WORTH_A_TRY)

    def _step(self, began: float, brought: int, left: int) -> str:
        seconds = self.patience.clock() - began
        if seconds < 1 or left <= 0:
            return f"{STEP} {self.name} (bytes)"
        return f"{STEP} {self.name}, about {seconds * left / brought:,.0f} s left (bytes)"

    def _check_size(self, size: int) -> None:
        if size > self.most_bytes:
            self.forget()
            raise LimitExceeded(
                f"The file {self.name} at {self.host} has {size / 1e6:,.1f} MB or more; at most "
                f"{self.most_bytes / 1e6:,.1f} MB are taken.",
                "It is not what was expected, so it was not downloaded.",
                "E-DOWNLOAD-LIMIT",
            )

    def _etag(self) -> str:
        """The strong ETag of the part, "" when there is none or it came from another address."""
        try:
            note = json.loads(self.note.read_text("utf-8"))
            etag = str(note["etag"]) if note["url"] == self.url else ""
        except (OSError, ValueError, KeyError, TypeError):
            return ""
        return etag if etag.startswith('"') else ""


def _fits(path: Path, expected: Expected) -> bool:
    try:
        check_file(path, expected)
    except InputRefused:
        return False
    return True


def _digest(path: Path, digest: hashlib._Hash) -> str:
    with path.open("rb") as stream:
        while piece := stream.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()
