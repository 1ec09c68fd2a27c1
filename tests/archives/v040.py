"""What version 0.4.0 left behind, opened as a user of this version finds it; `make_040.py` says how it was made."""

from __future__ import annotations

import tarfile
from pathlib import Path

from nscweb.services.context import App, open_app
from nscweb.settings import Settings

STUDY, MODEL, RUN = "Screen", "small", "r000001"


def unpacked(folder: Path) -> Path:
    """`data`, `compared`, `report.zip` and `expected.json` of 0.4.0 in this folder."""
    with tarfile.open(Path(__file__).with_name("v040.tar.xz")) as archive:
        archive.extractall(folder, filter="data")
    return folder


def opened_data(folder: Path) -> App:
    """The data folder of 0.4.0; its model is the only one."""
    settings = Settings.from_environment({"NSCWEB_THREADS": "1"}, folder / "data")
    return open_app(Settings(**{**vars(settings), "weights_dirs": (settings.data_dir / "models",)}))
