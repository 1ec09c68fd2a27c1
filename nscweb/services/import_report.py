"""What an import did, told once for page, command line and ``findings.csv``."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from nscweb.core.advice import what_to_do
from nscweb.core.errors import InputRefused, NscwebError
from nscweb.core.findings import LEVELS, Finding, FindingLog

# Above this many, findings of one reason become one line with their number; the CSV keeps all of them.
FOLD_ABOVE = 200
COLUMNS = ("level", "code", "message", "where", "what_to_do")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class ImportReport:
    """The result of an import.

    Attributes:
        study: name of the study.
        study_id: its id, "" when nothing was stored.
        samples: number of samples with cells.
        imported: cells that came in.
        skipped: images left out because something is wrong with them.
        ignored: files without data for this study (system files, channels that were not kept...).
        images: images behind the imported cells, one per cell and channel.
        members: everything that was looked at; equals images + skipped + ignored.
        findings: everything that was noticed, in order.
    """

    study: str
    study_id: str
    samples: int
    imported: int
    skipped: int
    ignored: int
    images: int
    members: int
    findings: tuple[Finding, ...]

    def as_dict(self) -> dict[str, Any]:
        """The JSON that scripts rely on; findings folded by reason when there are many."""
        return {
            "study": self.study,
            "samples": self.samples,
            "imported": self.imported,
            "skipped": self.skipped,
            "ignored": self.ignored,
            "findings": [finding_as_dict(finding) for finding in fold(self.findings)],
        }


class ImportRefused(InputRefused):
    """Nothing was stored. `report` holds what was looked at; code and sentences are those of the reason."""

    def __init__(self, reason: NscwebError, report: ImportReport) -> None:
        super().__init__(reason.what, reason.todo or what_to_do(reason.code), reason.code)
        self.report = report


def refusal(
    name: str,
    reason: NscwebError,
    *,
    skipped: int = 0,
    ignored: int = 0,
    members: int = 0,
    findings: Iterable[Finding] = (),
) -> ImportReport:
    """The report of an import that stored nothing; the reason stands first among its findings."""
    first = Finding("refuse", reason.code, str(reason), name)
    return ImportReport(name, "", 0, 0, skipped, ignored, 0, members, (first, *findings))


def finding_as_dict(finding: Finding) -> dict[str, str]:
    return {"level": finding.level, "code": finding.code, "message": finding.message, "where": finding.where}


def fold(findings: Iterable[Finding], above: int = FOLD_ABOVE) -> list[Finding]:
    """Findings as they are when there are few; otherwise one per reason with the count in its message."""
    log = FindingLog(findings)
    if len(log) <= above:
        return sorted(log, key=lambda finding: LEVELS.index(finding.level))
    folded = []
    for line in log.by_reason():
        if line.count == 1:
            folded.append(Finding(line.level, line.code, line.message, "".join(line.examples)))
            continue
        more = ", ..." if line.count > len(line.examples) else ""
        folded.append(
            Finding(line.level, line.code, f"{line.message} ({line.count:,} times)", ", ".join(line.examples) + more)
        )
    return folded


def findings_csv(findings: Iterable[Finding]) -> bytes:
    """Every finding as CSV (UTF-8 with a mark that spreadsheets know), the gravest level first.

    Columns: level, code, message (what happened), where (file, member, row or sample), what_to_do.
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for finding in sorted(findings, key=lambda finding: LEVELS.index(finding.level)):
        cells = (finding.message, finding.where, what_to_do(finding.code))
        table.writerow([finding.level, finding.code, *map(_as_text, cells)])
    return text.getvalue().encode("utf-8-sig", "replace")


def read_findings_csv(data: bytes) -> list[Finding]:
    """Findings of `findings_csv`, in the order of the file; files of older versions have no column what_to_do."""
    rows = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""))
    next(rows, None)
    return [
        Finding(level, row[1], _from_text(row[2]), _from_text(row[3]))
        for row in rows
        if len(row) >= 4
        for level in LEVELS
        if level == row[0]
    ]


def _as_text(value: str) -> str:
    """A file may be called ``=cmd()``: a quote in front makes every spreadsheet show it as text."""
    return f"'{value}" if value.lstrip("'").startswith(_FORMULA) else value


def _from_text(value: str) -> str:
    return value[1:] if value.startswith("'") and value.lstrip("'").startswith(_FORMULA) else value
