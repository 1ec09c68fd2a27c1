"""The documents name what exists, and what exists is named in the documents."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCUMENTS = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")
CODE_PATH = re.compile(r"`((?:nscweb|pages|tests|benchmarks|weights|docs|scripts)/[A-Za-z0-9_./-]+)`")
MODULE_NAME = re.compile(r"`((?:nscweb)(?:\.[a-z_0-9]+)+)`")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_path_in_a_document_exists(project: Path, name: str) -> None:
    text = (project / name).read_text("utf-8")
    missing = [path for path in CODE_PATH.findall(text) if not (project / path).exists()]
    modules = [m for m in MODULE_NAME.findall(text) if not _module_exists(project, m)]
    assert not missing and not modules, f"{name} names {missing + modules}"


def test_architecture_names_every_room(project: Path) -> None:
    text = (project / "ARCHITECTURE.md").read_text("utf-8")
    rooms = [path.name for path in (project / "nscweb").iterdir() if (path / "__init__.py").exists()]
    assert not [room for room in rooms if f"{room}/" not in text]


def test_readme_names_every_page_and_command(project: Path) -> None:
    from nscweb.cli.main import app
    from nscweb.ui.frame import PAGES

    text = (project / "README.md").read_text("utf-8")
    assert not [page.title for page in PAGES if page.title not in text]
    names = [command.name or command.callback.__name__ for command in app.registered_commands if command.callback]
    names += [group.name for group in app.registered_groups if group.name]
    assert not [name for name in names if f"nscweb {name}" not in text]


def test_every_setting_is_in_the_readme(project: Path) -> None:
    text = (project / "README.md").read_text("utf-8")
    source = "".join(path.read_text("utf-8") for path in (project / "nscweb").rglob("*.py"))
    settings = set(re.findall(r"\bNSCWEB_[A-Z_]+\b", source))
    assert not sorted(name for name in settings if name not in text)


def test_pages_table_equals_the_folder(project: Path) -> None:
    from nscweb.ui.frame import PAGES

    files = {f"pages/{path.name}" for path in (project / "pages").glob("*.py")} | {"streamlit_app.py"}
    assert {page.path for page in PAGES} == files


def test_links_to_pictures_work(project: Path) -> None:
    text = (project / "README.md").read_text("utf-8")
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text)
    assert pictures and all((project / picture).is_file() for picture in pictures)


def _module_exists(project: Path, dotted: str) -> bool:
    path = project / Path(*dotted.split("."))
    return (
        path.is_dir()
        or path.with_suffix(".py").is_file()
        or path.parent.with_suffix(".py").is_file()
        or path.parent.is_dir()
    )
