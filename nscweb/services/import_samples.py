"""The long part of an import: every sample read once, its cells and their quality written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from nscweb.core.cells import CellImage
from nscweb.core.findings import FindingLog
from nscweb.core.progress import CancelAsked, Progress, stop_if_asked
from nscweb.services.import_staging import SampleMark, Staging
from nscweb.services.quality import Quality, write_quality
from nscweb.store.cells import CellWriter
from nscweb.store.columns import FurtherColumns, write_columns

if TYPE_CHECKING:
    from nscweb.io.survey import Survey, SurveySample

# Cells between two looks at the cancel flag.
CHUNK = 256


def read_samples(
    staging: Staging,
    found: Survey,
    brightfield: str,
    channels: Sequence[str],
    progress: Progress,
    cancel: CancelAsked,
) -> list[SampleMark]:
    """Read the samples of a survey in order into cell and quality files; finished ones are not read again.

    Raises:
        JobCancelled: somebody asked to stop; samples that are finished stay.
        DiskFull: no room is left.
    """
    total = sum(sample.cells for sample in found.samples)
    work = _Work(staging, found, brightfield, tuple(channels), progress, cancel, total)
    marks: list[SampleMark] = []
    for index, sample in enumerate(found.samples):
        stop_if_asked(cancel)
        mark = staging.mark(index)
        if mark is None or mark.name != sample.name:
            mark = _read_sample(work, sample, f"c{sum(bool(m.key) for m in marks) + 1:06d}")
            staging.set_mark(index, mark)
        work.done += sample.cells
        progress(work.done, total, f"Importing {sample.name}")
        marks.append(mark)
    return marks


@dataclass
class _Work:
    staging: Staging
    found: Survey
    brightfield: str
    channels: tuple[str, ...]
    progress: Progress
    cancel: CancelAsked
    total: int
    done: int = 0
    rows: list[Any] = field(default_factory=list)


def _read_sample(work: _Work, sample: SurveySample, key: str) -> SampleMark:
    folder, study_id = work.staging.app.folder, work.staging.study_id
    path = folder.cells_path(study_id, key)
    log = FindingLog()
    measured: list[NDArray[Any] | None] = []
    further = FurtherColumns()
    quality = Quality()
    reader = work.found.read(sample, work.channels, log, needed=work.brightfield, cancel=work.cancel)
    with CellWriter(path, work.channels, {"sample": sample.name}, masks=sample.masks) as writer:
        for cell in reader:
            writer.add(cell)
            further.add(cell.tags, cell.values)
            measured.append(_brightfield(cell, work.brightfield))
            if len(measured) >= CHUNK:
                quality.add(measured)
                measured = []
                stop_if_asked(work.cancel)
                work.progress(work.done + writer.count, work.total, f"Importing {sample.name}")
    quality.add(measured)
    if not writer.count:
        path.unlink(missing_ok=True)
        key = ""
    else:
        write_quality(folder.quality_path(study_id, key), quality.table())
        if further:
            write_columns(folder.columns_path(study_id, key), further)
    return SampleMark(
        sample.name, key, writer.count, reader.images, reader.skipped, reader.ignored, tuple(log)
    )


def _brightfield(cell: CellImage, channel: str) -> NDArray[Any] | None:
    return cell.channel(channel) if channel in cell.channels else None
