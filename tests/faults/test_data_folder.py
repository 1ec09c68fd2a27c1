"""No home folder, a data folder that cannot be written, a clock that jumps: one clear line, and nothing is mixed up."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from small_studies import add_study

from nscweb.core.errors import StoreError
from nscweb.core.samples import Sample
from nscweb.services.context import open_app
from nscweb.services.study.study import list_studies
from nscweb.settings import Settings

PATIENCE = 120.0


def nscweb(folder: Path, home: str | None) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if name not in ("HOME", "USERPROFILE")}
    if home is not None:
        environ["HOME"] = home
    command = [sys.executable, "-m", "nscweb", "--data-dir", str(folder), "study", "list"]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False, env=environ)


@pytest.mark.parametrize("home", [None, "/nonexistent/home"])
def test_it_works_without_a_home_folder(tmp_path: Path, home: str | None) -> None:
    done = nscweb(tmp_path / "data", home)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "data" / "catalogue.sqlite").exists()


def test_a_data_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    done = nscweb(tmp_path / "file" / "data", str(tmp_path))
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "cannot be written" in done.stderr.replace("\n", " ") and "--data-dir" in done.stderr


def test_a_data_folder_that_is_read_only_is_told_with_the_way_out(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    folder.chmod(0o500)
    try:
        if os.access(folder, os.W_OK):
            pytest.skip("this user may write everywhere")
        with pytest.raises(StoreError) as caught:
            open_app(Settings.from_environment({}, folder))
        assert caught.value.code == "E-DATA-FOLDER" and "NSCWEB_DATA_DIR" in caught.value.todo
    finally:
        folder.chmod(0o700)


def test_a_clock_that_jumps_back_changes_no_order(tmp_path: Path) -> None:
    times = iter(["2030-01-01T00:00:00Z", "1999-12-31T23:59:59Z", "2026-05-05T05:05:05Z"])
    app = open_app(Settings.from_environment({}, tmp_path / "data"), lambda: next(times))
    cells = [np.random.default_rng(0).integers(0, 255, (1, 30, 30)).astype(np.uint8)]
    for name in ("first", "second", "third"):
        add_study(app, name, [(Sample("s"), cells)])
    assert [study.name for study in list_studies(app)] == ["third", "second", "first"]
    assert [study.created_utc[:4] for study in list_studies(app)] == ["2026", "1999", "2030"]
