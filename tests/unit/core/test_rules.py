"""Limits are written as a sentence has them, and each is said in one place."""

from __future__ import annotations

import re
from pathlib import Path

from nscweb.core import rules
from nscweb.core.rules import per_cent, spelled

# A number of replicates or a level that a sentence spells by itself instead of taking it from `core.rules`.
_SAID = re.compile(
    r"(fewer than|needs?|under|with) (three|3) replicates|(three|3) in each group|[pP] (values? )?below 0\.05"
)
# Explanations of columns and pages of help say what a number means and are read by themselves.
_COLUMNS = ("statistics_tables.py", "sample_tables.py", "columns.py")


def test_numbers_are_spelled_up_to_twenty() -> None:
    assert [spelled(number) for number in (0, 3, 20, 21, 1200)] == ["no", "three", "twenty", "21", "1,200"]
    assert per_cent(0.05) == "5 %" and per_cent(rules.LEVEL) == "95 %"


def test_no_sentence_has_a_limit_of_its_own(project: Path) -> None:
    found = []
    for path in sorted((project / "nscweb").rglob("*.py")):
        if path.name in _COLUMNS:
            continue
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
            # Sentences stand in double quotes; docstrings and comments may say what the number is.
            if any(_SAID.search(text) for text in re.findall(r'"([^"]{8,})"', line)):
                found.append(f"{path.relative_to(project)}:{number}: {line.strip()}")
    assert not found, "\n".join(found)
