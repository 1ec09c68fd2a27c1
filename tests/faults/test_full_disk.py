"""A full disk: a sentence with the space needed, no half file under a final name, and work goes on afterwards."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from nscweb.core.cells import CellImage
from nscweb.core.errors import DiskFull
from nscweb.store import files
from nscweb.store.cell_files import CellFile, CellWriter
from nscweb.store.files import atomic_write, need_space


def write_cells(path: Path) -> None:
    with CellWriter(path, ("Ch1",)) as writer:
        for number in range(600):
            writer.add(CellImage(number, ("Ch1",), np.full((1, 40, 40), number % 251, np.uint8)))


def test_no_partial_file_and_no_lost_file_when_the_disk_fills_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "old").write_bytes(b"precious")

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(DiskFull, match="MB are free"):
            write_cells(tmp_path / "cells.arrow")
        with pytest.raises(DiskFull), atomic_write(tmp_path / "old") as stream:
            stream.write(b"half")
    assert [path.name for path in tmp_path.iterdir()] == ["old"]
    assert (tmp_path / "old").read_bytes() == b"precious"
    write_cells(tmp_path / "cells.arrow")
    with CellFile(tmp_path / "cells.arrow") as found:
        assert len(found) == 600


def test_work_that_cannot_fit_is_refused_before_it_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "free_bytes", lambda folder: 250_000_000)
    need_space(tmp_path / "not" / "there", 10_000_000)
    with pytest.raises(DiskFull, match=r"About 90 MB are needed and 250 MB are free"):
        need_space(tmp_path, 90_000_000)
