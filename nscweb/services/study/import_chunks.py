"""The smallest step of an import that is kept: some thousand cells read, measured and written as one part.

Parts lie in the hidden folder of the import. They are the memory that processes share: whoever reads a part maps
the file that another process has just written, so pixels never travel through a pipe, and a part that has its
mark outlives a kill.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.core.cells import CellImage
from nscweb.core.findings import Finding, FindingLog
from nscweb.core.plain import from_plain, to_plain
from nscweb.core.progress import CancelAsked, stop_if_asked
from nscweb.services.study.field_reader import FieldCut
from nscweb.services.study.padded_cells import PaddedCells
from nscweb.services.study.quality import Quality
from nscweb.store.cell_files import BATCH, CellWriter
from nscweb.store.files import atomic_write
from nscweb.store.further_columns import FurtherColumns, write_columns

if TYPE_CHECKING:
    from nscweb.io.survey.cell_reader import CellReader
    from nscweb.io.survey.survey import Survey, SurveySample

# A multiple of the batches of a cell file, so that most parts are joined without copying.
CHUNK_CELLS = 16 * BATCH
# A field takes seconds and gives some hundred cells.
CHUNK_FIELDS = 8


@dataclass(frozen=True)
class ChunkPlan:
    """What is to be read, and where it goes; can be handed to another process.

    Attributes:
        sample: its name.
        start, stop: cells of the sample, as the survey counts them.
        stem: path of the part without a suffix.
        brightfield: channel that a cell must have; quality is measured on it.
        channels: to keep.
        masks: the cells come with masks.
        careful: measure each cell at once, so that it is known which one ended the process.
        left_out: positions from `start` of cells that ended a process; they are skipped.
        fields: each cell of the survey is a whole field of view, whose cells are cut out like this.
    """

    sample: str
    start: int
    stop: int
    stem: Path
    brightfield: str
    channels: tuple[str, ...]
    masks: bool
    careful: bool = False
    left_out: tuple[int, ...] = ()
    fields: FieldCut | None = None

    def path(self, kind: str) -> Path:
        """File of the part: ``arrow`` cells, ``npy`` features, ``parquet`` columns, ``json`` mark."""
        return self.stem.with_name(f"{self.stem.name}.{kind}")


@dataclass(frozen=True)
class ChunkMark:
    """What is kept of a finished chunk.

    Attributes:
        start, stop: as planned.
        cells, images: that were stored; without cells there are no files.
        skipped, ignored: files that were left out.
        columns: some cells had further columns.
        checksum: of the cells, to find a part that a power cut tore.
        findings: noticed while reading.
    """

    start: int
    stop: int
    cells: int
    images: int
    skipped: int
    ignored: int
    columns: bool
    checksum: int
    findings: tuple[Finding, ...]


def plan_chunks(
    found: Survey,
    sample: SurveySample,
    stem: Path,
    brightfield: str,
    channels: Sequence[str],
    fields: FieldCut | None = None,
) -> list[ChunkPlan]:
    """Chunks of a sample in order; the same at every try. Names of parts begin with the name of `stem`."""
    from nscweb.io.survey.cut_out import only_in_order

    size = max(1, sample.cells) if only_in_order(found, sample) else CHUNK_FIELDS if fields else CHUNK_CELLS
    return [
        ChunkPlan(
            sample.name,
            start,
            min(start + size, sample.cells),
            stem.with_name(f"{stem.name}-{number:06d}"),
            brightfield,
            tuple(channels),
            sample.masks or fields is not None,
            fields=fields,
        )
        for number, start in enumerate(range(0, sample.cells, size))
    ]


def chunk_cells(part: Survey, plan: ChunkPlan, log: FindingLog, cancel: CancelAsked) -> CellReader:
    """The cells of a chunk, one by one; whatever changes cells on their way in does it here.

    Args:
        part: excerpt of the survey with one sample and the cells of this chunk.
    """
    (sample,) = part.samples
    if plan.fields is None:
        single = part.read(sample, plan.channels, log, needed=plan.brightfield, cancel=cancel)
        return PaddedCells(single, plan.brightfield, part.limits, log)
    from nscweb.services.study.field_reader import FieldLog, FieldReader

    whole = part.read(sample, plan.channels, FieldLog(log), needed=plan.brightfield, cancel=cancel)
    return FieldReader(whole, plan.fields, plan.brightfield, part.masks, part.limits, log, cancel)


def read_chunk(part: Survey, plan: ChunkPlan, cancel: CancelAsked, report: Callable[[int], None]) -> ChunkMark:
    """Read, measure and write one chunk; its mark is written last.

    Args:
        report: told the number of cells now and then.

    Raises:
        JobCancelled: somebody asked to stop; the chunk is read again next time.
        DiskFull: no room is left.
    """
    from nscweb.io.archives.archive import checksum_of

    log, quality, further = FindingLog(), Quality(), FurtherColumns()
    together = 1 if plan.careful else BATCH
    images: list[NDArray[Any] | None] = []
    masks: list[NDArray[np.bool_] | None] = []
    reader = chunk_cells(part, plan, log, cancel)
    path = plan.path("arrow")
    with CellWriter(path, plan.channels, {"sample": plan.sample}, masks=plan.masks, durable=False) as writer:
        for cell in reader:
            writer.add(cell)
            further.add(cell.tags, cell.values)
            image, mask = _brightfield(cell, plan.brightfield)
            images.append(image)
            masks.append(mask)
            if len(images) >= together:
                quality.add(images, masks)
                images, masks = [], []
                if writer.count % BATCH == 0:
                    stop_if_asked(cancel)
                    report(getattr(reader, "fields", writer.count))
        quality.add(images, masks)
    if writer.count:
        with atomic_write(plan.path("npy"), durable=False) as stream:
            np.save(stream, quality.features())
        if further:
            write_columns(plan.path("parquet"), further)
    mark = ChunkMark(
        plan.start,
        plan.stop,
        writer.count,
        reader.images,
        reader.skipped,
        reader.ignored,
        bool(further),
        checksum_of(path),
        tuple(log),
    )
    with atomic_write(plan.path("json"), durable=False) as stream:
        stream.write(json.dumps(to_plain(mark)).encode("ascii"))
    return mark


def _brightfield(cell: CellImage, channel: str) -> tuple[NDArray[Any] | None, NDArray[np.bool_] | None]:
    if channel not in cell.channels:
        return None, None
    position = cell.channels.index(channel)
    return cell.pixels[position], cell.masks[position] if cell.masks is not None else None


def kept_mark(plan: ChunkPlan) -> ChunkMark | None:
    """The mark of a chunk that an earlier try finished; None when it must be read."""
    from nscweb.io.archives.archive import checksum_of

    try:
        mark = from_plain(ChunkMark, json.loads(plan.path("json").read_bytes()), "The mark")
        if (mark.start, mark.stop) != (plan.start, plan.stop) or checksum_of(plan.path("arrow")) != mark.checksum:
            return None
        if mark.cells and len(np.load(plan.path("npy"), mmap_mode="r")) != mark.cells:
            return None
        if mark.columns and not plan.path("parquet").exists():
            return None
        return mark
    except (OSError, ValueError, TypeError, KeyError):
        return None


def part_features(plan: ChunkPlan) -> NDArray[np.float64]:
    """(n, F) features of a finished chunk."""
    return np.asarray(np.load(plan.path("npy"), allow_pickle=False), np.float64)


def part_columns(plan: ChunkPlan, mark: ChunkMark) -> pd.DataFrame | None:
    """Further columns of a finished chunk."""
    return pd.read_parquet(plan.path("parquet")) if mark.columns else None


def forget_parts(plan: ChunkPlan) -> None:
    """Remove the files of a chunk whose sample is complete."""
    for kind in ("json", "arrow", "npy", "parquet", "at"):
        plan.path(kind).unlink(missing_ok=True)
