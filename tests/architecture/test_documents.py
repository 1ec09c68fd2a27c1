"""The documents name what exists, and what exists is named in the documents."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
_DOCS = (str(path.relative_to(PROJECT)) for path in sorted((PROJECT / "docs").rglob("*.md")))
DOCUMENTS = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", *_DOCS)
LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s#:]+)\)")
CODE_PATH = re.compile(r"`((?:nscweb|pages|tests|benchmarks|weights|docs|scripts)/[A-Za-z0-9_./-]+)`")
MODULE_NAME = re.compile(r"`((?:nscweb)(?:\.[a-z_0-9]+)+)`")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_path_in_a_document_exists(project: Path, name: str) -> None:
    text = (project / name).read_text("utf-8")
    missing = [path for path in CODE_PATH.findall(text) if not (project / path).exists()]
    modules = [m for m in MODULE_NAME.findall(text) if not _module_exists(project, m)]
    assert not missing and not modules, f"{name} names {missing + modules}"


def test_the_tree_of_the_architecture_is_the_tree_of_the_package(project: Path) -> None:
    text = (project / "ARCHITECTURE.md").read_text("utf-8")
    drawn: dict[str, set[str]] = {}
    room = ""
    for line in text.split("nscweb/\n", 1)[1].split("```")[0].splitlines():
        indent = len(line) - len(line.lstrip())
        words = {word.removesuffix("/") for word in line.split() if word.endswith("/")}
        if indent == 2 and words:
            (room,) = words
            drawn[room] = set()
        elif indent == 4:
            drawn[room] |= words
    folders = [path for path in (project / "nscweb").iterdir() if (path / "__init__.py").exists()]
    there = {path.name: {sub.name for sub in path.iterdir() if any(sub.glob("*.py"))} for path in folders}
    # Parts that several networks share are named on the line of the networks.
    assert drawn == {**there, "models": there["models"] | {"parts"}}


@pytest.mark.parametrize("name", ["README.md", "ARCHITECTURE.md"])
def test_what_everybody_reads_is_short(project: Path, name: str) -> None:
    assert len((project / name).read_text("utf-8").splitlines()) <= 100


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_between_documents_lead_somewhere(project: Path, name: str) -> None:
    place = (project / name).parent
    links = LINK.findall((project / name).read_text("utf-8"))
    assert not [link for link in links if not (place / link).exists()]


def test_documents_made_from_the_code_are_as_the_code_is(project: Path) -> None:
    command = [sys.executable, "scripts/write_docs.py", "--check"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_readme_names_every_page_and_every_document(project: Path) -> None:
    from nscweb.ui.frame import PAGES

    text = (project / "README.md").read_text("utf-8")
    assert not [page.title for page in PAGES if page.title not in text]
    assert not [path.name for path in (project / "docs").glob("*.md") if f"(docs/{path.name})" not in text]


def test_every_setting_is_in_the_document_for_administrators(project: Path) -> None:
    text = (project / "docs" / "administrators.md").read_text("utf-8")
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
