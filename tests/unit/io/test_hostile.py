"""Every hostile archive, image and table ends as promised, and every file is accounted for."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nscweb.core.errors import InputRefused, LimitExceeded
from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.io.sheets.sample_sheets import read_sheet
from nscweb.io.survey.survey import survey

_EXPECTED = Path(__file__).resolve().parents[3].parent / "shared" / "hostile" / "expected.json"
_CASES: list[dict[str, Any]] = json.loads(_EXPECTED.read_text("utf-8")) if _EXPECTED.exists() else []
# A message has to say the same thing as the oracle's reason; these words do.
_SAME_MEANING = {
    "unsafe path": ("outside its folder",),
    "unsafe name": ("NUL",),
    "header mismatch": ("two different names",),
    "symbolic link": ("link",),
    "special file": ("device",),
    "password protected": ("password",),
    "checksum mismatch": ("checksum",),
    "damaged data": ("damaged",),
    "incomplete archive": ("incomplete",),
    "empty file": ("empty",),
    "unsupported compression": ("method",),
    "RAR is not supported": ("RAR",),
    "multi-part archive": ("part of an archive",),
    "not a zip archive": ("not a zip", "gzip"),
    "image too small": ("too small",),
    "image too large": ("Longest side", "decoded image"),
    "GIF is not supported": ("GIF",),
    "not an image": ("not an image",),
    "refers to another file": ("another file",),
    "complex pixels": ("complex",),
    "name too long": ("longer than",),
}


def cases(kind: str) -> list[Any]:
    return [pytest.param(case, id=case["file"]) for case in _CASES if case["file"].startswith(kind + "/")]


def outcome_of(run: Callable[[FindingLog], int], log: FindingLog) -> tuple[str, int]:
    """(accept, warn, skip-rest, refuse or limit; cells that came in)."""
    try:
        cells = run(log)
    except LimitExceeded:
        return "limit", 0
    except InputRefused:
        return "refuse", 0
    if not cells:
        limited = any(finding.code.startswith("E-LIMIT") for finding in log if finding.level == "skip")
        return ("limit" if limited else "refuse"), 0
    if log.count("skip"):
        return "skip-rest", cells
    return ("warn" if log.count("warn") or log.count("ignored") else "accept"), cells


def check(case: dict[str, Any], outcome: str, cells: int, log: FindingLog, error: str) -> None:
    allowed = {case["promise"], *case.get("also", ())}
    assert outcome in allowed, f"{outcome} {cells} {[(f.level, f.code, f.message) for f in log][:5]} {error}"
    if case.get("good_members") and outcome not in ("refuse", "limit"):
        assert cells >= case["good_members"]
    words = _SAME_MEANING.get(case.get("reason", ""))
    if words and outcome in ("skip-rest", "refuse", "limit"):
        told = error + " ".join(finding.message for finding in log)
        assert any(word in told for word in words), told


def import_files(path: Path, log: FindingLog) -> int:
    with survey([path], Limits(), log) as found:
        cells = sum(1 for sample in found.samples for _ in found.read(sample, None, log))
        assert found.members == found.images + found.skipped + found.ignored
        assert log.count("skip") == found.skipped
        assert cells == found.images
    return cells


@pytest.mark.parametrize("case", [*cases("zip"), *cases("image")])
def test_files_end_as_promised(case: dict[str, Any], shared: Path) -> None:
    path = shared / "hostile" / case["file"]
    log, told = FindingLog(), []

    def run(log: FindingLog) -> int:
        try:
            return import_files(path, log)
        except InputRefused as error:
            told.append(str(error))
            raise

    before, memory = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcome, cells = outcome_of(run, log)
    used = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory) / (2**20 if sys.platform == "darwin" else 1024)
    assert used < 200, f"{used:.0f} MB"
    assert time.monotonic() - before < 30
    check(case, outcome, cells, log, " ".join(told))


@pytest.mark.parametrize("case", cases("table"))
def test_tables_end_as_promised(case: dict[str, Any], shared: Path) -> None:
    path = shared / "hostile" / case["file"]
    log, told = FindingLog(), []

    def run(log: FindingLog) -> int:
        try:
            return 1 + len(read_sheet(path.read_bytes(), path.name, log))
        except InputRefused as error:
            told.append(str(error))
            raise

    outcome, cells = outcome_of(run, log)
    check({**case, "good_members": None, "reason": ""}, outcome, cells, log, " ".join(told))


def test_a_hundred_thousand_bad_members_make_one_line(shared: Path) -> None:
    log = FindingLog()
    with pytest.raises(InputRefused, match="100,000 files"):
        survey([shared / "hostile/zip/many_empty_100k.zip"], Limits(), log)
    lines = log.by_reason()
    assert len(lines) == 1 and lines[0].count == 100_000
