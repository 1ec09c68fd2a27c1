"""A data folder beside the real one that holds a study as a report knew it; gone when the work is done."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from nscweb.core.samples import Sample, Study
from nscweb.services.compare.staining_counts import Count, set_counts
from nscweb.services.context import App, open_app

if TYPE_CHECKING:
    from nscweb.store.files import DataFolder

_GATES, _IN_FORCE, _CONTROLS = "gates", "gates_in_force", "controls_for_ratios"


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
