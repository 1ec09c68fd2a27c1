"""Data problems as findings: listed, counted, exported, never thrown away."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

Level = Literal["note", "warn", "ignored", "skip", "refuse"]
LEVELS: tuple[Level, ...] = ("refuse", "skip", "warn", "ignored", "note")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was noticed about the user's data.

    Attributes:
        level: ``note`` (said, no effect), ``warn`` (analysed, mark it), ``ignored`` (no data in it),
            ``skip`` (this image is out, the rest is kept), ``refuse`` (nothing was stored).
        code: stable code, e.g. ``E-IMG-TRUNCATED``; equal for all findings of one reason.
        message: one plain sentence for a biologist, without the place.
        where: the file, member, row or sample that it concerns; may be empty.
    """

    level: Level
    code: str
    message: str
    where: str = ""


@dataclass(frozen=True, slots=True)
class FindingCount:
    """All findings of one reason, folded into one line: how many and a few places."""

    level: Level
    code: str
    message: str
    count: int
    examples: tuple[str, ...]


class FindingLog:
    """Collects findings in order and folds them by reason.

    100,000 damaged members give one line with its count; the full list stays for ``skipped.csv``.
    """

    def __init__(self, findings: Iterable[Finding] = ()) -> None:
        self._findings: list[Finding] = list(findings)

    def add(self, level: Level, code: str, message: str, where: str = "") -> Finding:
        """Record one finding and return it."""
        finding = Finding(level, code, message, where)
        self._findings.append(finding)
        return finding

    def extend(self, findings: Iterable[Finding]) -> None:
        self._findings.extend(findings)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self._findings)

    def __len__(self) -> int:
        return len(self._findings)

    def count(self, level: Level) -> int:
        """Number of findings of one level."""
        return sum(finding.level == level for finding in self._findings)

    def by_reason(self, examples: int = 3) -> list[FindingCount]:
        """Findings folded by (level, code), gravest level first, then most frequent."""
        groups: dict[tuple[Level, str], list[Finding]] = {}
        for finding in self._findings:
            groups.setdefault((finding.level, finding.code), []).append(finding)
        folded = [
            FindingCount(level, code, group[0].message, len(group), tuple(f.where for f in group[:examples] if f.where))
            for (level, code), group in groups.items()
        ]
        return sorted(folded, key=lambda line: (LEVELS.index(line.level), -line.count, line.code))
