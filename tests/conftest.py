"""Fixtures that all tests share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from ready_folders import SHARED
from simulated_rates import Simulations

PROJECT = Path(__file__).resolve().parents[1]
# How long an example takes on a busy machine says nothing about whether it is right.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")
# Where several processes run the tests, each computes with its share of the cores. Libraries read this when they are
# first imported, and nothing above imports them.
WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
if WORKERS > 1:
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, str(max(1, (os.cpu_count() or 1) // WORKERS)))
# Real servers, killed workers and full disks: one after the other, so that none disturbs another's times.
ALONE = ("tests/browser/", "tests/faults/")
# What takes longest begins first, so that the processes end together.
FIRST = (*ALONE, "tests/unit/training/", "tests/app/", "tests/unit/models/", "tests/unit/services/")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full-rounds", action="store_true", help="run every trial of the simulations, not a fifth")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """One process runs a test file from beginning to end, and one of them all that must be alone."""
    from xdist.scheduler import LoadFileScheduling

    class ByFile(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "alone" if nodeid.startswith(ALONE) else super()._split_scope(nodeid)

    return ByFile(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if WORKERS > 1:
        place = {folder: number for number, folder in enumerate(FIRST)}
        items.sort(key=lambda item: next((place[f] for f in FIRST if item.nodeid.startswith(f)), len(FIRST)))


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


@pytest.fixture(scope="session")
def simulations(pytestconfig: pytest.Config) -> Simulations:
    """How many trials the simulations of coverage and error rates run."""
    return Simulations(pytestconfig.getoption("--full-rounds"))


@pytest.fixture(scope="session", autouse=True)
def _ready_folders(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Ready-made folders lie where all processes of this run find them."""
    base = tmp_path_factory.getbasetemp()
    os.environ[SHARED] = str((base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "ready-folders")
