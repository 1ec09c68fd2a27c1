"""Limits on what is read, each with the setting that raises it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from nscweb.core.errors import LimitExceeded, WrongUse

MB = 1_000_000


@dataclass(frozen=True)
class Limits:
    """Upper bounds that keep a bad file from filling memory or disk.

    Each is raised by the variable ``NSCWEB_`` plus its name in capitals, e.g. ``NSCWEB_MAX_MEMBERS``.

    Attributes:
        max_members: files in one archive.
        max_archive_bytes: size of one archive.
        max_member_bytes: one file, after unpacking.
        max_total_bytes: all files of an import together, after unpacking.
        max_ratio: unpacked by packed size of one file; images of cells stay far below.
        max_image_side: pixels per side of one image; larger ones are refused from the header.
        field_side: pixels per side above which an image looks like a whole field of view.
        min_side: pixels per side below which an image is too small to be a cell.
        max_decode_seconds: time that a decoder may take for one image or workbook before it is stopped.
        max_decode_bytes: memory that a decoder may take for one image or workbook (where the system can limit it).
        max_session_bytes: uploads of one browser session that wait for their import.
        max_uploads_bytes: uploads of all sessions together that wait for their import.
        max_sheet_bytes: a sample sheet, also after unpacking an XLSX or ODS.
        max_sheet_rows: rows of a sample sheet.
        max_sheet_columns: columns of a sample sheet.
        max_model_bytes: all files of a packed model together, after unpacking.
    """

    max_members: int = 2_000_000
    max_archive_bytes: int = 64_000 * MB
    max_member_bytes: int = 64 * MB
    max_total_bytes: int = 256_000 * MB
    max_ratio: int = 200
    max_image_side: int = 8192
    field_side: int = 1024
    min_side: int = 8
    max_decode_seconds: int = 20
    max_decode_bytes: int = 2_000 * MB
    max_session_bytes: int = 8_000 * MB
    max_uploads_bytes: int = 32_000 * MB
    max_sheet_bytes: int = 20 * MB
    max_sheet_rows: int = 20_000
    max_sheet_columns: int = 256
    max_model_bytes: int = 4_000 * MB

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Limits:
        """Defaults, changed by variables such as ``NSCWEB_MAX_MEMBERS``.

        Raises:
            WrongUse: a variable that is not a positive whole number.
        """
        changed: dict[str, int] = {}
        for field in fields(cls):
            text = environ.get(setting_name(field.name))
            if text is None:
                continue
            if not text.strip().isdecimal() or int(text) < 1:
                raise WrongUse(f"{setting_name(field.name)} is {text!r}; it must be a positive whole number.")
            changed[field.name] = int(text)
        return cls(**changed)

    def check(self, name: str, found: int, what: str) -> None:
        """Compare a found value with the limit `name`.

        Raises:
            LimitExceeded: naming the limit, the value found, and the setting that raises it.
        """
        allowed = getattr(self, name)
        if found > allowed:
            raise LimitExceeded(
                f"{what}: {found:,}, the limit is {allowed:,}.",
                f"If the file is right, set {setting_name(name)} higher and start again.",
                f"E-LIMIT-{name.removeprefix('max_').replace('_', '-').upper()}",
            )


def setting_name(field: str) -> str:
    """Environment variable of a limit."""
    return f"NSCWEB_{field.upper()}"
