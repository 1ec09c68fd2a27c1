"""The documents of the program, as the page Help and the folder ``docs/`` show them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from nscweb.settings import PROJECT

# In the order in which a reader wants them; what was measured comes last, by name.
_ORDER = (
    "tutorial",
    "formats",
    "ratios_and_tests",
    "own_models",
    "columns",
    "commands",
    "troubleshooting",
    "administrators",
    "developers",
)
# Beside the folder: for developers too.
_AT_THE_ROOT = ("CONTRIBUTING", "ARCHITECTURE", "CHANGELOG")
_PICTURE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)")
_LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?:\.\./)?(?:docs/)?(?:measured/)?([A-Za-z_]+)\.md\)")


@dataclass(frozen=True)
class Document:
    """One document.

    Attributes:
        key: its file without folder and ending; part of the address of the page Help.
        title: its first heading.
        path: the Markdown file.
        measured: it reports measurements.
    """

    key: str
    title: str
    path: Path
    measured: bool


@dataclass(frozen=True)
class Piece:
    """A piece of a document: Markdown, or a picture with what it shows.

    Attributes:
        text: Markdown, or the words under the picture.
        picture: file of the picture; None for text.
    """

    text: str
    picture: Path | None = None


def documents(folder: Path = PROJECT / "docs") -> tuple[Document, ...]:
    """All documents in reading order; () where the program was installed without them."""
    found = {path.stem: path for path in sorted(folder.glob("*.md"))}
    measured = sorted((folder / "measured").glob("*.md"))
    ordered = [found[key] for key in _ORDER if key in found] + [p for key, p in found.items() if key not in _ORDER]
    ordered += [path for name in _AT_THE_ROOT if (path := folder.parent / f"{name}.md").is_file() and ordered]
    return tuple(
        [Document(path.stem, _title(path), path, False) for path in ordered]
        + [Document(path.stem, _title(path), path, True) for path in measured]
    )


def pieces(document: Document) -> tuple[Piece, ...]:
    """A document cut at its pictures, with its links to other documents leading to the page Help."""
    text = _LINK.sub(r"[\1](help?document=\2)", document.path.read_text("utf-8"))
    out: list[Piece] = []
    at = 0
    for match in _PICTURE.finditer(text):
        out += [Piece(text[at : match.start()]), Piece(match.group(1), document.path.parent / match.group(2))]
        at = match.end()
    return tuple(piece for piece in [*out, Piece(text[at:])] if piece.picture or piece.text.strip())


def _title(path: Path) -> str:
    first = path.read_text("utf-8").lstrip().split("\n", 1)[0]
    return first.removeprefix("#").strip() or path.stem
