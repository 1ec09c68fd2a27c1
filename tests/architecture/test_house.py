"""The rules of the house: file length, room docstrings, names, imports that stay light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

TABLE_ROOMS = {"nscweb/io/formats/__init__.py", "nscweb/models/architectures/__init__.py", "nscweb/__init__.py"}
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "tools"}


def python_files(project: Path) -> list[Path]:
    folders = ("nscweb", "pages", "tests", "benchmarks", "scripts")
    files = [path for folder in folders for path in (project / folder).rglob("*.py")]
    return [*files, project / "streamlit_app.py"]


def test_no_file_is_longer_than_450_lines(project: Path) -> None:
    long = {
        str(path.relative_to(project)): count
        for path in python_files(project)
        if (count := len(path.read_text("utf-8").splitlines())) > 450
    }
    assert not long


def test_no_folder_holds_more_than_25_files(project: Path) -> None:
    folders = [path for path in (project / "nscweb").rglob("*") if path.is_dir()]
    full = {str(folder): count for folder in folders if (count := len(list(folder.glob("*.py")))) > 25}
    assert not full


# A word of a task stands for its page, its service and its command.
SHARED_NAMES = {
    "__init__", "__main__", "cells", "compare", "demo", "evaluate", "explain", "figures", "gates", "jobs", "labels",
    "map", "models", "predict", "report", "reproduce", "run", "simulate", "study", "train", "tune", "worker",
}  # fmt: skip


def test_a_base_name_stands_for_one_file_unless_it_is_a_task(project: Path) -> None:
    names: dict[str, list[str]] = {}
    for path in (project / "nscweb").rglob("*.py"):
        names.setdefault(path.stem, []).append(str(path.relative_to(project)))
    assert not {stem: files for stem, files in names.items() if len(files) > 1 and stem not in SHARED_NAMES}


def test_room_files_hold_one_docstring(project: Path) -> None:
    for path in (project / "nscweb").rglob("__init__.py"):
        name = str(path.relative_to(project))
        body = ast.parse(path.read_text("utf-8")).body
        assert body and isinstance(body[0], ast.Expr), f"{name} has no docstring"
        assert len(body) == 1 or name in TABLE_ROOMS, f"{name} holds more than its docstring"


def test_no_drawer_for_odds_and_ends(project: Path) -> None:
    assert not [path for path in (project / "nscweb").rglob("*.py") if path.stem in FORBIDDEN_NAMES]


def test_every_module_says_what_it_is(project: Path) -> None:
    silent = [
        str(path.relative_to(project))
        for path in python_files(project)
        if not ast.get_docstring(ast.parse(path.read_text("utf-8")))
    ]
    assert not silent


def test_pages_hold_widgets_not_logic(project: Path) -> None:
    allowed = ("streamlit", "nscweb.ui", "nscweb.services", "nscweb.jobs", "__future__")
    for path in [*(project / "pages").glob("*.py"), project / "streamlit_app.py"]:
        source = path.read_text("utf-8")
        assert len(source.splitlines()) <= 120, f"{path.name} is no longer a list of widgets"
        for node in ast.walk(ast.parse(source)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                assert name.startswith(allowed), f"{path.name} imports {name}"


def test_nobody_below_services_reads_clock_environment_or_seed(project: Path) -> None:
    rooms = ("core", "io", "preprocess", "models", "evaluation", "simulation", "inference")
    for room in rooms:
        for path in (project / "nscweb" / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Attribute):
                    text = ast.unparse(node)
                    assert text not in ("os.environ", "datetime.now", "time.time", "np.random.seed"), f"{path}: {text}"


@pytest.mark.parametrize(
    "module",
    [
        "nscweb.api",
        "nscweb.cli.main",
        "nscweb.models.card_folders",
        "nscweb.services.study.study",
        "nscweb.services.models",
        "nscweb.ui.frame",
        "nscweb.jobs.worker",
    ],
)
def test_opening_is_instant_because_torch_is_not_imported(module: str) -> None:
    code = f"import {module}, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0, f"{module} imports torch"
