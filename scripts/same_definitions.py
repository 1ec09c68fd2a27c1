"""Proof that a move moved and changed nothing: every definition of BEFORE stands in AFTER, as often as it did.

    python scripts/same_definitions.py BEFORE AFTER

BEFORE and AFTER are revisions of git (``WORK`` is the work tree). Compared is the multiset of `ast.dump` of all
statements at the top of all modules, the bodies of classes and functions included. Left out is what a move must
change: imports (also those inside functions), docstrings, and the dotted or slashed path of a module of ours in a
string. Differences are printed, and the exit status is 1 when there are any.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

_MODULE_PATH = re.compile(r"\bnscweb[./][a-z0-9_./]+")


class _Unmoved(ast.NodeTransformer):
    """Takes out of a tree what a move changes."""

    def visit_Import(self, node: ast.Import) -> None:
        """Imports go, wherever they are."""

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """Imports go, wherever they are."""

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        """Paths of modules in strings become one word."""
        if isinstance(node.value, str):
            return ast.Constant(_MODULE_PATH.sub("nscweb", node.value))
        return node

    def generic_visit(self, node: ast.AST) -> ast.AST:
        """A docstring goes."""
        speaks = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if speaks and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
        return super().generic_visit(node)


def definitions(source: str) -> list[str]:
    """`ast.dump` of every statement at the top of a module, without what a move changes."""
    tree = _Unmoved().visit(ast.parse(source))
    return [ast.dump(node) for node in tree.body if not _only_imported(node)]


def _only_imported(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and not node.body


def sources(revision: str) -> dict[str, str]:
    """Text of all Python files of a revision, by path."""
    if revision == "WORK":
        names = _git("ls-files", "--cached", "--others", "--exclude-standard", "*.py").split("\n")
        return {name: Path(name).read_text("utf-8") for name in names if name and Path(name).exists()}
    names = [name for name in _git("ls-tree", "-r", "--name-only", revision).split("\n") if name.endswith(".py")]
    return {name: _git("show", f"{revision}:{name}") for name in names}


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], check=True, capture_output=True, text=True).stdout


def counted(files: dict[str, str]) -> tuple[Counter[str], dict[str, str]]:
    """How often each definition stands, and one file where it does."""
    count: Counter[str] = Counter()
    place: dict[str, str] = {}
    for name, text in files.items():
        for dump in definitions(text):
            count[dump] += 1
            place[dump] = name
    return count, place


def main() -> int:
    """Compares and says what differs; 0 when nothing does."""
    before, old_place = counted(sources(sys.argv[1]))
    after, new_place = counted(sources(sys.argv[2]))
    for what, missing, place in (("only before", before - after, old_place), ("only after", after - before, new_place)):
        for dump, times in missing.items():
            print(f"{what} ({times}x): {place[dump]}: {dump[:160]}")
    same = before == after
    print(
        f"{sum(before.values())} definitions before, {sum(after.values())} after: {'the same' if same else 'DIFFERENT'}"
    )
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
