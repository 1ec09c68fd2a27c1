"""Where image files come from: a zip, or files on disk. Both answer with names and bytes by number."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nscweb.core.errors import InputRefused
from nscweb.core.limits import Limits, setting_name
from nscweb.io.archives.archive import Archive
from nscweb.io.archives.zip_checks import Rejected


class Source(Protocol):
    """Numbered files.

    Attributes:
        label: name of the archive or folder, for samples whose files name none.
        simulated: the source as a whole says that its cells are simulated.
        prefix: "name of the source/" when there are several, so that a place can be found again; else "".
    """

    label: str
    simulated: bool
    prefix: str

    def entries(self) -> Iterator[tuple[int, str, int]]:
        """(number, name with "/", bytes after unpacking) of every file; folders are left out."""

    def rejection(self, number: int, name: str) -> Rejected | None:
        """Why a file must not be read, without reading it."""

    def read(self, number: int) -> bytes:
        """The bytes of one file; InputRefused when they cannot be had."""

    def name(self, number: int) -> str:
        """The name of one file."""

    def place(self, number: int) -> str:
        """The name of one file for people, with the source when there are several."""

    def close(self) -> None: ...


class ZipSource:
    """The members of one zip."""

    prefix = ""

    def __init__(self, path: Path, limits: Limits) -> None:
        self.path, self.limits = path.absolute(), limits
        self.archive = Archive(path, limits)
        self.label = path.name[: -len(path.suffix)] if path.suffix else path.name
        self.simulated = b"nscweb simulation" in self.archive.comment

    def entries(self) -> Iterator[tuple[int, str, int]]:
        sizes = self.archive.directory.sizes.tolist()
        for (number, name), size in zip(self.archive.names(), sizes, strict=True):
            if size or not name.endswith("/"):
                yield number, name, size

    def rejection(self, number: int, name: str) -> Rejected | None:
        return self.archive.rejection(number, name)

    def read(self, number: int) -> bytes:
        try:
            return self.archive.read(number)
        except OSError as error:
            raise InputRefused("The archive cannot be read any more.", "", "E-FILE-UNREADABLE") from error

    def name(self, number: int) -> str:
        return self.archive.member_name(number)

    def place(self, number: int) -> str:
        return self.prefix + self.name(number)

    def close(self) -> None:
        self.archive.close()


class ZipPart:
    """Some members of a zip under new numbers; can be pickled, and opens the zip when the first one is read."""

    def __init__(self, source: ZipSource, members: NDArray[np.int64]) -> None:
        self.label, self.simulated, self.prefix = source.label, source.simulated, source.prefix
        self._path, self._limits = source.path, source.limits
        self._directory = source.archive.directory.part(members)
        self._archive: Archive | None = None

    def entries(self) -> Iterator[tuple[int, str, int]]:
        sizes = self._directory.sizes.tolist()
        return ((number, self.name(number), size) for number, size in enumerate(sizes))

    def rejection(self, number: int, name: str) -> Rejected | None:
        return self._opened().rejection(number, name)

    def read(self, number: int) -> bytes:
        try:
            return (self._archive or self._opened()).read(number)
        except OSError as error:
            raise InputRefused("The archive cannot be read any more.", "", "E-FILE-UNREADABLE") from error

    def name(self, number: int) -> str:
        return self._directory.name(number)

    def place(self, number: int) -> str:
        return self.prefix + self.name(number)

    def close(self) -> None:
        if self._archive is not None:
            self._archive.close()
            self._archive = None

    def _opened(self) -> Archive:
        if self._archive is None:
            self._archive = Archive.reopened(self._path, self._directory, self._limits)
        return self._archive


class FileSource:
    """Loose files: (path on disk, name relative to what the user pointed at).

    Attributes:
        chosen: the user picked each file, so none is ignored for its name.
    """

    prefix = ""

    def __init__(self, files: Sequence[tuple[Path, str]], label: str, limits: Limits, *, chosen: bool = False) -> None:
        self._files = list(files)
        self.chosen = chosen
        self._limits = limits
        self.label = label
        self.simulated = False

    def part(self, members: NDArray[np.int64]) -> FileSource:
        """Some of the files under new numbers."""
        files = [(self._files[number][0].absolute(), self._files[number][1]) for number in members.tolist()]
        part = FileSource(files, self.label, self._limits, chosen=self.chosen)
        part.prefix = self.prefix
        return part

    def entries(self) -> Iterator[tuple[int, str, int]]:
        for number, (path, name) in enumerate(self._files):
            try:
                size = path.stat().st_size
            except OSError:
                size = 0
            yield number, name, size

    def rejection(self, number: int, name: str) -> Rejected | None:
        path = self._files[number][0]
        try:
            status = path.lstat()
        except OSError:
            return Rejected("E-FILE-UNREADABLE", "The file cannot be opened.")
        if stat.S_ISLNK(status.st_mode) and not path.is_file():
            return Rejected("E-FILE-LINK", "The file is a link that leads nowhere.")
        if not stat.S_ISREG(path.stat().st_mode):
            return Rejected("E-FILE-SPECIAL", "This is not an ordinary file.")
        if status.st_size > self._limits.max_member_bytes:
            return Rejected(
                "E-LIMIT-MEMBER-BYTES",
                f"The file has {status.st_size:,} bytes, the limit is {self._limits.max_member_bytes:,} "
                f"({setting_name('max_member_bytes')} raises it).",
            )
        return None

    def read(self, number: int) -> bytes:
        path = self._files[number][0]
        try:
            with path.open("rb") as stream:
                data = stream.read(self._limits.max_member_bytes + 1)
        except OSError as error:
            raise InputRefused(
                "The file cannot be read.", "Check that it may be opened.", "E-FILE-UNREADABLE"
            ) from error
        self._limits.check("max_member_bytes", len(data), "Bytes of the file")
        return data

    def head(self, number: int, length: int) -> bytes:
        with self._files[number][0].open("rb") as stream:
            return stream.read(length)

    def name(self, number: int) -> str:
        return self._files[number][1]

    def place(self, number: int) -> str:
        return self.prefix + self.name(number)

    def close(self) -> None:
        return None


def head_of(source: Source, number: int, length: int) -> bytes:
    """The first bytes of a file; none when they cannot be had."""
    try:
        if isinstance(source, ZipSource):
            return source.archive.head(number, length)
        if isinstance(source, FileSource):
            return source.head(number, length)
    except (InputRefused, OSError):
        return b""
    return source.read(number)[:length]


def walk_folder(root: Path) -> list[tuple[Path, str]]:
    """Files below a folder in a stable order, names relative to it; links to folders are not followed."""
    found: list[tuple[Path, str]] = []
    for folder, folders, files in os.walk(root):
        folders.sort()
        base = Path(folder)
        relative = base.relative_to(root).as_posix()
        for name in sorted(files):
            found.append((base / name, readable(name if relative == "." else f"{relative}/{name}")))
    return found


def readable(name: str) -> str:
    """A file name that can be stored and shown: bytes that are no text become a replacement character."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
