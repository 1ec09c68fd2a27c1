"""What a report says about itself: read back from HTML, ZIP or XLSX, whichever somebody has kept.

A data folder beside the real one holds a study as a report knew it; gone when the work is done. Tables of a report of
version 0.4.0 are read as this version writes them: new names, per cent, digits, yes and no.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pandas as pd

from nscweb.core.errors import InputRefused
from nscweb.core.gates import Gates
from nscweb.core.plain import from_plain
from nscweb.core.run_record import SETTING
from nscweb.core.samples import Sample, Study
from nscweb.core.timepoint import TimePoint
from nscweb.evaluation.ratios.cell_filters import Filters
from nscweb.files.outgoing import outgoing
from nscweb.services.compare.staining_counts import Count, set_counts
from nscweb.services.context import App, open_app
from nscweb.services.predict.fast_here import speeds_path
from nscweb.services.report.origin import FORMAT, FORMAT_040
from nscweb.services.report.parts import ALSO_COMPARED, BY_NAME, COMPARED
from nscweb.services.study.understood.same_setting import ANSWERS

if TYPE_CHECKING:
    from nscweb.store.files import DataFolder


_GATES, _IN_FORCE, _CONTROLS = "gates", "gates_in_force", "controls_for_ratios"
# Reports are far smaller; a file beyond this is no report, or a trap.
MOST_BYTES = 1_000_000_000
_CSV = {name: BY_NAME[name].file for name in (*COMPARED, *ALSO_COMPARED)}
# Said in every line then; in provenance.json now.
_SAID_ELSEWHERE = ("cells_are", "model_trained_on", "weights_sha256", "gates", "filters")


@contextmanager
def same_inputs(app: App, study: Study, made: dict[str, Any]) -> Iterator[tuple[App, str]]:
    """(an opened program on a folder of its own, the id of the study in it).

    The cells are the files of the study, under a second name. Sample sheet, gates, channel and pixel size are
    those of the report.

    Args:
        study: as it is now.
        made: provenance of the report.
    """
    with TemporaryDirectory(prefix=".rerun-", dir=app.folder.root) as folder:
        settings = replace(
            app.settings,
            data_dir=Path(folder),
            database_url=f"sqlite:///{(Path(folder) / 'catalogue.sqlite').as_posix()}",
            inbox=Path(folder) / "inbox",
        )
        beside = open_app(settings, app.clock)
        try:
            yield beside, _copy(app, beside, study, made)
        finally:
            # SQLite keeps its file open, which would keep the folder alive on Windows.
            beside.catalogue.engine.dispose()


def _copy(app: App, beside: App, study: Study, made: dict[str, Any]) -> str:
    info = {key: value for key, value in app.catalogue.study_info(study.study_id).items() if key != _IN_FORCE}
    info[_GATES] = made["gates"]["limits"]
    if made.get(SETTING) in ("yes", "no"):
        info[ANSWERS] = {made["model"]: made[SETTING]}
    info[_CONTROLS] = list(made["counting"].get("calibrated_on", ()))
    channel = made.get("brightfield") or study.channel
    study_id = beside.catalogue.create_study(
        study.name,
        study.created_utc,
        channel=channel if channel in study.channels else study.channel,
        channels=study.channels,
        simulated=study.simulated,
        pixel_size_um=made.get("pixel_size_um"),
        info=info,
    )
    keys = app.catalogue.sample_keys(study.study_id)
    said = {item["name"]: item for item in made.get("sheet", ())}
    samples = [_as_said(sample, said.get(sample.name)) for sample in study.samples]
    its_keys = beside.catalogue.add_samples(study_id, samples)
    for sample, key in zip(samples, its_keys, strict=True):
        _files(app.folder, study.study_id, keys[sample.name], beside.folder, study_id, key)
    entered = made.get("entered_counts") or []
    if entered:
        set_counts(beside, study_id, [Count(**item) for item in entered])
    measured = speeds_path(app)
    if measured.exists():
        shutil.copyfile(measured, speeds_path(beside))
    for name in ("findings.csv",):
        path = app.folder.study_dir(study.study_id) / name
        if path.exists():
            beside.folder.study_dir(study_id).mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, beside.folder.study_dir(study_id) / name)
    return study_id


def _as_said(sample: Sample, said: dict[str, Any] | None) -> Sample:
    """A sample with the sheet of the report; its cells are those that there are."""
    if said is None:
        return sample
    values = {key: value for key, value in said.items() if key in Sample.__dataclass_fields__}
    extra = tuple((str(key), str(value)) for key, value in said.get("extra", {}).items())
    return Sample(**{**values, "extra": extra, "cells": sample.cells})


def _files(source: DataFolder, study: str, key: str, target: DataFolder, its_study: str, its_key: str) -> None:
    cells = source.cells_path(study, key)
    if cells.exists():
        _second_name(cells, target.cells_path(its_study, its_key))
    # Flags are made new by the gates of the report, so these are copies.
    for was, will in (
        (source.quality_path(study, key), target.quality_path(its_study, its_key)),
        (source.columns_path(study, key), target.columns_path(its_study, its_key)),
    ):
        if was.exists():
            will.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(was, will)


def _second_name(path: Path, link: Path) -> None:
    """A hard link where the disk knows them, else a symbolic one, else a copy."""
    link.parent.mkdir(parents=True, exist_ok=True)
    for make in (os.link, os.symlink, shutil.copyfile):
        try:
            make(path, link)
        except OSError:
            continue
        return
    shutil.copyfile(path, link)


@dataclass(frozen=True, eq=False)
class Statement:
    """A report as it was: what made it, and its tables.

    Attributes:
        provenance: see `services.report.origin.provenance_dict`.
        tables: Samples, Groups, Tests, and the others that a workbook or zip has and that can be compared; values as
            text or numbers, whichever the file had.
    """

    provenance: dict[str, Any]
    tables: dict[str, pd.DataFrame]


@dataclass(frozen=True)
class _Line:
    """A line of the sample sheet."""

    name: str
    group: str = ""
    time_h: float | None = None
    replicate: str = ""
    donor: str = ""
    instrument: str = ""
    control: bool = False
    true_class: str = ""
    extra: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.time_h is not None:
            TimePoint(self.time_h)


@dataclass(frozen=True)
class _Counting:
    asked: str
    control: str
    adjust: str
    variance: str = "own"
    calibrated_on: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Left:
    limits: Gates


@dataclass(frozen=True)
class _Stated:
    """What a rerun reads of the provenance of a report, so that one that somebody changed is refused by its field."""

    run: str
    study: str
    study_id: str
    cells: int
    cells_sha256: str
    model: str
    model_version: str
    weights_sha256: str
    settings: dict[str, Any]
    versions: dict[str, str]
    gates: _Left
    counting: _Counting
    filters: Filters
    brightfield: str | None = None
    pixel_size_um: float | None = None
    setting: str = ""
    sheet: tuple[_Line, ...] = ()
    entered_counts: tuple[Count, ...] | None = None
    asked: dict[str, Any] = field(default_factory=dict)


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
    if provenance.get("format") not in (FORMAT, FORMAT_040):
        raise _refused(path, "it does not say what made it, as reports of earlier versions do not")
    from_plain(_Stated, provenance, f"The report {path.name}", lambda said: _refused(path, said.removesuffix(".")))
    if provenance["format"] == FORMAT_040:
        tables = {name: table_of_040(name, table) for name, table in tables.items()}
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


def table_of_040(name: str, table: pd.DataFrame) -> pd.DataFrame:
    """A table as read from an old report.

    Its names and fractions are those that the program still computes with, so the table of names at the exit,
    `core.column_names`, is the one that reads them.

    Args:
        name: of the table, as in `parts.PARTS`.
        table: values as text or numbers, whichever the file had.
    """
    plain = table.drop(columns=[column for column in _SAID_ELSEWHERE if column in table])
    numbers = {column: _numbers(plain[column]) for column in plain.columns}
    return outgoing(pd.DataFrame(numbers, columns=plain.columns, index=plain.index), name)


def _numbers(values: pd.Series) -> pd.Series:
    """Numbers where every value that is there is one, so that they can be scaled; else the values as they are.

    An empty field of a workbook is None, one of a CSV is empty text; both are the second here.
    """
    there = values[values.notna() & (values != "")]
    words = values.astype(object).where(values.notna(), "")
    if there.map(lambda value: isinstance(value, bool)).any():
        return words
    found = pd.to_numeric(there, errors="coerce")
    if there.empty or found.isna().any():
        return words
    return found.reindex(values.index).astype(float)
