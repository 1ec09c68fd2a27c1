"""What an import is asked to do, and what is refused before anything is read.

What it did is said here, too, once for page, command line and ``findings.csv``.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nscweb.core.advice import what_to_do
from nscweb.core.errors import InputRefused, NscwebError, StudyExists, WrongUse
from nscweb.core.field_settings import SegmentationSettings
from nscweb.core.findings import LEVELS, Finding, FindingLog
from nscweb.core.samples import Sample

if TYPE_CHECKING:
    from nscweb.services.context import App


# Above this many, findings of one reason become one line with their number; the CSV keeps all of them.
FOLD_ABOVE = 200
# Where the catalogue keeps how the names of a study were read.
NAMES = "names_read"
# There: sample -> names of its files that may be samples of their own, with an example.
APART = "apart"
# And: sample -> its group with a last letter that was taken as the replicate and may not be one.
LETTERS = "letters"
# And which samples are copies: name -> the sample whose cells it holds.
COPIES = "copies"
# And how many cells of a sample are blank: name -> cells.
BLANK = "blank"
# And the share of images with several objects.
SEVERAL = "several_objects"
# And a pixel size that files may mean by a private value.
OFFERED_SIZE = "offered_pixel_size_um"
COLUMNS = ("level", "code", "message", "where", "what_to_do")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
NAME_LENGTH = 200
MOST_TILE = 1024


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


@dataclass(frozen=True)
class ImportRequest:
    """What to import and how: what form and command line fill in, what a job keeps, what `import_study` takes.

    Attributes:
        paths: files, zips or folders.
        name: name of the new study.
        sheet: sample sheet (CSV, XLSX, ODS or XLS), None without.
        channel: brightfield channel; None takes the guess.
        channels: channels to keep; None keeps all.
        class_from_folder: fill the true class from the name of the innermost folder.
        pixel_size_um: micrometres per pixel, None when not known.
        simulated: True marks the study as simulated; None takes what the files say.
        describe: sample name -> what is known of it, from a program that made the images.
        tile_px: side of the tiles of montages in pixels; None finds it from the pixels.
        fields: every image is a whole field of view, and its cells are found like this; None takes every image
            for one cell.
        add_to: name or id of a study that the samples are added to; "" makes a new one. `name` is not used then.
        name_pattern: how names of samples are read, such as ``{group}_{day}d_{rep}``; "" reads them by their words.
    """

    paths: tuple[Path, ...]
    name: str
    sheet: Path | None = None
    channel: str | None = None
    channels: tuple[str, ...] | None = None
    class_from_folder: bool = False
    pixel_size_um: float | None = None
    simulated: bool | None = None
    describe: Mapping[str, Sample] | None = None
    tile_px: int | None = None
    fields: SegmentationSettings | None = None
    name_pattern: str = ""
    add_to: str = ""

    def __post_init__(self) -> None:
        # Forms and commands hand over what was typed: spaces around a name, an empty text for "not given".
        object.__setattr__(self, "name", self.name.strip())
        for field in ("sheet", "channel", "channels"):
            object.__setattr__(self, field, getattr(self, field) or None)


def check_request(app: App, request: ImportRequest) -> None:
    """Refuse what cannot work before anything is read.

    Raises:
        WrongUse, StudyExists: with what to do.
    """
    if not request.paths:
        raise WrongUse("No file or folder was given.", "Name at least one zip, image or folder.")
    for path in (*request.paths, *([request.sheet] if request.sheet else [])):
        if not path.exists():
            raise WrongUse(f"There is no file or folder {path}.", "Check the spelling.", "E-PATH-MISSING")
    check_pixel_size(request.pixel_size_um)
    if request.tile_px is not None and not app.settings.limits.min_side <= request.tile_px <= MOST_TILE:
        raise WrongUse(
            f"Tiles of montages have {app.settings.limits.min_side} to {MOST_TILE:,} pixels per side, "
            f"not {request.tile_px:,}."
        )
    check_name(app, request.name)


def check_name(app: App, name: str) -> None:
    """Refuse a name that no new study and no renamed one can have.

    Raises:
        WrongUse: empty, too long, or not printable.
        StudyExists: another study has it.
    """
    if not name:
        raise WrongUse("The study needs a name.")
    if len(name) > NAME_LENGTH or not name.isprintable():
        raise WrongUse(
            f"The name of a study has at most {NAME_LENGTH} characters, all of them printable.",
            "Choose a shorter or simpler name.",
        )
    if any(study.name == name for study in app.catalogue.studies()):
        raise StudyExists(
            f"A study called {name!r} exists already.",
            "Choose another name, or delete the old one first (nscweb study delete NAME).",
        )


def check_pixel_size(micrometres: float | None) -> None:
    """Refuse a pixel size that cannot be one; None is not known.

    Raises:
        WrongUse: with what a pixel size is.
    """
    if micrometres is not None and not 0 < micrometres < 1000:
        raise WrongUse("The pixel size is given in micrometres and lies above 0.")
