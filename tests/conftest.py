"""Fixtures that all tests share."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes on a busy machine says nothing about whether it is right.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

PROJECT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def project() -> Path:
    """Root folder of the project."""
    return PROJECT


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of real and hostile files that lie beside the project; skips where it is absent."""
    folder = PROJECT.parent / "shared"
    if not (folder / "data").is_dir():
        pytest.skip("the folder ../shared with real images is not on this machine")
    return folder
