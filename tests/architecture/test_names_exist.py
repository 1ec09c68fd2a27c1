"""What docstrings, comments and documents call by name exists: a module, a function, an attribute that was renamed."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOTS = ("nscweb", "pages", "tests", "benchmarks", "scripts")
# A dotted name in running text: no part of a path or an address, and no call with arguments.
DOTTED = re.compile(r"(?<![\w./@-])`?([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+)`?(?![\w/(-])")
# One word between single backticks; values are between double ones.
WORD = re.compile(r"(?<!`)`([A-Za-z_]\w*)(?:\(\))?`(?!`)")
COMMENT = re.compile(r"^[^\"'\n]*?# (.*)$", re.MULTILINE)
# Endings of file names, which look like the last part of a dotted name.
ENDINGS = {
    "arrow", "cif", "csv", "daf", "html", "json", "md", "npy", "npz", "parquet", "py", "sqlite", "toml", "txt", "xlsx",
    "xz", "zip",
}  # fmt: skip
# Names of other programs and formats, and parts of examples.
FOREIGN = {
    "Ch4_CP0001", "NT3_1d_rep2", "_3_colour", "augment.blur", "multiprocessing", "power.t.test", "run.cells",
    "run.run_id", "second.T", "tojson",
}  # fmt: skip


class _File(NamedTuple):
    """One file of code.

    Attributes:
        module: parts of its name.
        texts: line and text of its docstrings and comments.
        words: every name, argument and attribute in it, and strings of one word, such as names of columns.
        names: names that it defines, with their classes.
    """

    module: tuple[str, ...]
    texts: list[tuple[int, str]]
    words: set[str]
    names: list[tuple[str, ...]]


def _read(path: Path, project: Path) -> _File:
    source = path.read_text("utf-8")
    module = tuple(part for part in path.relative_to(project).with_suffix("").parts if part != "__init__")
    texts = [(source.count("\n", 0, match.start(1)) + 1, match[1]) for match in COMMENT.finditer(source)]
    words: set[str] = set(module)
    names = [module]
    # Node and the class that it is in.
    waiting: list[tuple[ast.AST, tuple[str, ...]]] = [(ast.parse(source), module)]
    while waiting:
        node, place = waiting.pop()
        for field in ("id", "attr", "arg", "name", "asname", "module", "value"):
            word = getattr(node, field, None)
            if isinstance(word, str) and len(word) < 100:
                words.update(word.split(".") if re.fullmatch(r"[\w.]+", word) else ())
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.append((*place, node.name))
        if isinstance(node, ast.ClassDef):
            place = (*place, node.name)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.append((*place, node.id))
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            names.append((*place, node.attr))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and (said := ast.get_docstring(node, False)):
            texts.append((node.body[0].lineno, said))
        waiting += [(child, place) for child in ast.iter_child_nodes(node)]
    return _File(module, texts, words, names)


class _House:
    """What is defined in the project.

    Attributes:
        files: by their path.
        endings: the last parts of every name: ("core", "card"), ("card",), ...
        words: of the code anywhere.
        floors: rooms right under the package.
        ours: rooms, modules and what they define: a dotted name that begins with one of these is one of ours.
    """

    def __init__(self, project: Path) -> None:
        paths = [path for root in ROOTS for path in sorted((project / root).rglob("*.py"))]
        self.files = {path: _read(path, project) for path in paths}
        names = {name for file in self.files.values() for name in file.names}
        self.endings = {name[first:] for name in names for first in range(len(name))}
        self.words = FOREIGN.union(dir(builtins), *(file.words for file in self.files.values()))
        self.floors = {path.name for path in (project / "nscweb").iterdir()}
        self.ours = {part for name in names if name[0] == "nscweb" for part in name}

    def missing(self, text: str, own: set[str]) -> Iterator[tuple[int, str]]:
        """Place and name of what does not exist.

        Args:
            own: words of the file itself: `split.held_out` may be an attribute of an argument there.
        """
        arguments = own - self.floors
        for match in DOTTED.finditer(text):
            parts = tuple(match[1].split("."))
            if parts in self.endings or match[1] in FOREIGN or parts[-1] in ENDINGS:
                continue
            of_argument = parts[0] in arguments and self.words.issuperset(parts)
            if parts[0] in self.ours and not of_argument:
                yield match.start(1), match[1]
        yield from ((match.start(1), match[1]) for match in WORD.finditer(text) if match[1] not in self.words)


def test_names_in_docstrings_comments_and_documents_exist(project: Path) -> None:
    house = _House(project)
    dangling = []
    texts = [(path, line, text, file.words) for path, file in house.files.items() for line, text in file.texts]
    # Those made from the code (test_documents.py) name columns and options that are no words of it.
    made = {"columns.md", "commands.md"}
    written = [*project.glob("*.md"), *(project / "docs").rglob("*.md")]
    documents = [path for path in written if path.name not in made]
    texts += [(path, 1, path.read_text("utf-8"), set()) for path in documents]
    for path, first, text, own in texts:
        for place, name in house.missing(text, own):
            dangling.append(f"{path.relative_to(project)}:{first + text.count(chr(10), 0, place)} {name}")
    assert not dangling, "\n".join(dangling)
