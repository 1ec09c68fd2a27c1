"""The layout of the data folder, and writing so that a final name always holds a complete file."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from nscweb.core.errors import DiskFull, StoreError

_SAFE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")


@dataclass(frozen=True)
class DataFolder:
    """Paths below the data folder. Only ids and keys made by the program become paths, never a user's text."""

    root: Path

    def study_dir(self, study_id: str) -> Path:
        return self.root / "studies" / _checked(study_id)

    def cells_path(self, study_id: str, sample_key: str) -> Path:
        return self.study_dir(study_id) / "cells" / f"{_checked(sample_key)}.arrow"

    def quality_path(self, study_id: str, sample_key: str) -> Path:
        return self.study_dir(study_id) / "quality" / f"{_checked(sample_key)}.parquet"

    def columns_path(self, study_id: str, sample_key: str) -> Path:
        """Further columns and populations of the cells, where files brought some."""
        return self.study_dir(study_id) / "columns" / f"{_checked(sample_key)}.parquet"

    def fields_dir(self, study_id: str) -> Path:
        """Pictures of whole fields of view that cells were cut out of."""
        return self.study_dir(study_id) / "fields"

    def outlines_dir(self, study_id: str) -> Path:
        """Files of outlines that lay beside images which came in as single cells."""
        return self.study_dir(study_id) / "outlines"

    def labels_path(self, study_id: str) -> Path:
        """Labels of single cells."""
        return self.study_dir(study_id) / "labels.sqlite"

    def markers_path(self, study_id: str, sample_key: str) -> Path:
        """Measured light of the marker channels, made again when it is missing."""
        return self.study_dir(study_id) / "markers" / f"{_checked(sample_key)}.parquet"

    def run_dir(self, run_id: str) -> Path:
        return self.root / "runs" / _checked(run_id)

    def partial_run_dir(self, key: str) -> Path:
        """Parts of a run that is not finished; found again by the key of its job."""
        return self.root / "runs" / f"unfinished-{_checked(key)}"

    @property
    def uploads_dir(self) -> Path:
        return self.root / "uploads"

    @property
    def models_dir(self) -> Path:
        return self.root / "models"

    @property
    def logs_dir(self) -> Path:
        return self.root / "logs"

    @property
    def lock_path(self) -> Path:
        return self.root / "worker.lock"


@contextmanager
def atomic_write(path: Path, *, durable: bool = True) -> Iterator[BinaryIO]:
    """A binary stream whose content appears under `path` only when everything is on the disk.

    Args:
        durable: False does not wait for the disk, for parts that can be made again after a power cut.

    Raises:
        DiskFull: no space is left; nothing stays under either name.
    """
    part = path.with_name(f".{path.name}.{uuid4().hex[:8]}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as stream:
            yield stream
            stream.flush()
            if durable:
                os.fsync(stream.fileno())
        part.replace(path)
        if durable:
            sync_folder(path.parent)
    except OSError as error:
        raise named(error, path) from error
    finally:
        part.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut, where the system can do that."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def named(error: OSError, path: Path) -> StoreError | OSError:
    """`DiskFull` for a full disk or quota, with the space that is left; other errors as they are."""
    if error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return error
    free = free_bytes(path.parent)
    return DiskFull(
        f"The disk is full: {path.name} could not be written, {free / 1e6:.0f} MB are free.",
        "Free some space or choose another data folder, then start the task again; what was finished is kept.",
    )


def free_bytes(folder: Path) -> int:
    """Free bytes on the disk of `folder` or its nearest existing parent."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def need_space(folder: Path, wanted: int) -> None:
    """Refuse work that would fill the disk before it begins.

    Raises:
        DiskFull: fewer than `wanted` bytes plus a reserve of 200 MB are free.
    """
    free = free_bytes(folder)
    if free < wanted + 200_000_000:
        raise DiskFull(
            f"About {wanted / 1e6:.0f} MB are needed and {free / 1e6:.0f} MB are free on the disk of the data folder.",
            "Free some space or choose another data folder.",
        )


def _checked(name: str) -> str:
    if not _SAFE.match(name):
        raise StoreError(f"{name!r} is not an id of this program.")
    return name


def write_files(folder: Path, contents: Mapping[str, bytes]) -> dict[str, Path]:
    """Write files into a folder, which is made; each is there in one piece or not at all. Name -> path."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        with atomic_write(folder / name) as stream:
            stream.write(content)
    return {name: folder / name for name in contents}
