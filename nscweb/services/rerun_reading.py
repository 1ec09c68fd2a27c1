"""What a report says about itself: read back from HTML, ZIP or XLSX, whichever somebody has kept."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from nscweb.core.errors import InputRefused
from nscweb.services.export_provenance import FORMAT
from nscweb.services.report_parts import ALSO_COMPARED, BY_NAME, COMPARED

# Reports are far smaller; a file beyond this is no report, or a trap.
MOST_BYTES = 1_000_000_000
_CSV = {name: BY_NAME[name].file for name in (*COMPARED, *ALSO_COMPARED)}


@dataclass(frozen=True, eq=False)
class Statement:
    """A report as it was: what made it, and its tables.

    Attributes:
        provenance: see `export_provenance.provenance_dict`.
        tables: Samples, Groups, Tests, and the others that a workbook or zip has and that can be compared; values as
            text or numbers, whichever the file had.
    """

    provenance: dict[str, Any]
    tables: dict[str, pd.DataFrame]


def read_report(path: Path) -> Statement:
    """Read a report that this program wrote.

    Raises:
        InputRefused: it is none, is damaged, or of a version that did not write down what is needed.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            head = stream.read(4)
    except OSError as error:
        raise InputRefused(
            f"The report {path.name} cannot be read ({error.strerror or error}).", "Check its path.", "E-REPORT"
        ) from error
    if size > MOST_BYTES:
        raise _refused(path, "it is far larger than any report")
    try:
        provenance, tables = _from_zip(path) if head == b"PK\x03\x04" else _from_html(path)
    except (ValueError, KeyError, TypeError, OSError, zipfile.BadZipFile, RecursionError) as error:
        raise _refused(path, "it is damaged, or was not written by this program") from error
    if provenance.get("format") != FORMAT:
        raise _refused(path, "it does not say what made it, as reports of earlier versions do not")
    return Statement(provenance, tables)


def _from_html(path: Path) -> tuple[dict[str, Any], dict[str, pd.DataFrame]]:
    from nscweb.files.html_document import machine_part

    found = machine_part(path.read_text("utf-8"))
    if found is None:
        raise ValueError("no data in the page")
    tables = {
        name: pd.DataFrame(table["rows"], columns=table["columns"], dtype=object)
        for name, table in found["tables"].items()
        if name in _CSV
    }
    return dict(found["provenance"]), tables


def _from_zip(path: Path) -> tuple[dict[str, Any], dict[str, pd.DataFrame]]:
    from nscweb.files.workbook import read_workbook

    with zipfile.ZipFile(path) as archive:
        sizes = {info.filename: info.file_size for info in archive.infolist()}
        if "xl/workbook.xml" not in sizes:
            wanted = [name for name in ("provenance.json", *_CSV.values()) if name in sizes]
            if sum(sizes[name] for name in wanted) > MOST_BYTES:
                raise ValueError("too large")
            provenance = json.loads(archive.read("provenance.json"))
            tables = {
                name: pd.read_csv(io.BytesIO(archive.read(file)), dtype=str, keep_default_na=False)
                for name, file in _CSV.items()
                if name in COMPARED or file in sizes
            }
            return dict(provenance), tables
        if sum(sizes.values()) > MOST_BYTES:
            raise ValueError("too large")
    with path.open("rb") as stream:
        machine, tables = read_workbook(stream, tuple(_CSV))
    return dict(json.loads(machine)), tables


def _refused(path: Path, why: str) -> InputRefused:
    return InputRefused(
        f"{path.name} cannot be made again: {why}.",
        "Give the HTML, ZIP or XLSX file of a report, unchanged.",
        "E-REPORT",
    )
