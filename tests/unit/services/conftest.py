"""A fresh data folder for each test that changes something."""

from __future__ import annotations

from pathlib import Path

import pytest

from nscweb.services.context import App, open_app
from nscweb.settings import Settings


@pytest.fixture
def opened(tmp_path: Path) -> App:
    """An empty data folder without any model."""
    settings = Settings.from_environment({"NSCWEB_THREADS": "1"}, tmp_path / "data")
    settings = Settings(**{**vars(settings), "weights_dirs": (settings.data_dir / "models",)})
    return open_app(settings, lambda: "2026-01-02T03:04:05Z")
