"""The long part of an import: every sample read once, its cells and their quality written.

A sample is read in chunks (`services.study.import_chunks`), by several processes when there are many cells
(`services.study.import_pool`), and joined here when its last chunk is finished. The same files come out of one process
or four, and of an import that was killed and taken up again.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from nscweb.core.errors import StoreError
from nscweb.core.findings import Finding
from nscweb.core.progress import CancelAsked, Progress, stop_if_asked
from nscweb.services.study.field_reader import FIELD_STEP, FieldCut
from nscweb.services.study.import_chunks import (
    ChunkMark,
    ChunkPlan,
    forget_parts,
    kept_mark,
    part_columns,
    part_features,
    plan_chunks,
    read_chunk,
)
from nscweb.services.study.import_pool import ImportPool, worker_count
from nscweb.services.study.import_staging import SampleMark, Staging
from nscweb.services.study.quality import judged, write_quality
from nscweb.settings import environment
from nscweb.store.cell_file_join import join_cell_files
from nscweb.store.further_columns import join_columns, write_columns

if TYPE_CHECKING:
    from nscweb.io.survey.survey import Survey, SurveySample

# Below this many cells the start of a process costs more than it saves.
FEW_CELLS = 4000
FEW_FIELDS = 16
# Told by `Survey.read` for every chunk.
NOT_KEPT = "N-CHANNEL-NOT-KEPT"
# Between two looks at the cancel flag and two reports.
_LOOK_SECONDS = 0.2


def read_samples(
    staging: Staging,
    found: Survey,
    brightfield: str,
    channels: Sequence[str],
    progress: Progress,
    cancel: CancelAsked,
    fields: FieldCut | None = None,
) -> list[SampleMark]:
    """Read the samples of a survey in order into cell and quality files; finished chunks are not read again.

    Args:
        fields: every image is a whole field of view, whose cells are cut out like this.

    Raises:
        JobCancelled: somebody asked to stop; chunks that are finished stay.
        DiskFull: no room is left.
    """
    work = _Work(staging, found, brightfield, tuple(channels), progress, cancel, fields)
    marks: list[SampleMark] = []
    with ExitStack() as stack:
        work.plan(stack)
        for index, sample in enumerate(found.samples):
            stop_if_asked(cancel)
            mark = work.marks.get(index)
            if mark is None:
                mark = _read_sample(work, sample, f"c{sum(bool(m.key) for m in marks) + 1:06d}")
                staging.set_mark(index, mark)
                for chunk in work.chunks[sample.key]:
                    forget_parts(chunk)
            work.report(sample)
            marks.append(mark)
    return marks


@dataclass
class _Work:
    """What is to be read, and what is finished already.

    Attributes:
        marks: position of a sample -> its mark from an earlier try.
        chunks: key of a sample -> its chunks.
        kept: name of a chunk -> its mark from an earlier try.
        apart: keys of samples whose chunks the pool reads.
        before, here, running: cells that earlier tries read, that this process read, and of its chunk.
    """

    staging: Staging
    found: Survey
    brightfield: str
    channels: tuple[str, ...]
    progress: Progress
    cancel: CancelAsked
    fields: FieldCut | None = None
    marks: dict[int, SampleMark] = field(default_factory=dict)
    chunks: dict[int, list[ChunkPlan]] = field(default_factory=dict)
    kept: dict[str, ChunkMark] = field(default_factory=dict)
    apart: set[int] = field(default_factory=set)
    pool: ImportPool | None = None
    before: int = 0
    here: int = 0
    running: int = 0
    shown: int = 0

    def plan(self, stack: ExitStack) -> None:
        """Find out what is left to read, and start processes when that is much; `stack` ends them."""
        from nscweb.io.survey.cut_out import excerpt, readable_apart

        waiting = []
        for index, sample in enumerate(self.found.samples):
            mark = self.staging.mark(index)
            if mark is not None and mark.name == sample.name:
                self.marks[index] = mark
                self.before += sample.cells
                continue
            stem = self.staging.folder / "import" / f"{index:06d}"
            plans = plan_chunks(self.found, sample, stem, self.brightfield, self.channels, self.fields)
            self.chunks[sample.key] = plans
            self.kept |= {plan.stem.name: kept for plan in plans if (kept := kept_mark(plan)) is not None}
            left = [plan for plan in plans if plan.stem.name not in self.kept]
            self.before += sum(plan.stop - plan.start for plan in plans if plan not in left)
            if readable_apart(self.found, sample):
                self.apart.add(sample.key)
                waiting += [
                    (plan, partial(excerpt, self.found, sample, plan.start, plan.stop, apart=True)) for plan in left
                ]
        few = FEW_FIELDS if self.fields else FEW_CELLS
        if sum(plan.stop - plan.start for plan, _ in waiting) < few:
            self.apart.clear()
            return
        settings = self.staging.app.settings
        variables = {**environment(), **settings.as_environment()}
        self.pool = stack.enter_context(ImportPool(worker_count(settings.threads), variables, waiting))

    def report(self, sample: SurveySample) -> None:
        """Tell how many cells all processes have read; the number never falls, also when one begins anew."""
        total = self.found.cells
        now = self.before + self.here + self.running + (self.pool.cells if self.pool is not None else 0)
        self.shown = min(total, max(self.shown, now))
        step = FIELD_STEP if self.fields else "Importing"
        self.progress(self.shown, total, f"{step} {sample.name}")

    def look(self, sample: SurveySample) -> None:
        """Report, and stop when asked."""
        stop_if_asked(self.cancel)
        self.report(sample)


def _read_sample(work: _Work, sample: SurveySample, key: str) -> SampleMark:
    """Wait for the chunks of a sample or read them here, and join them under its key."""
    marks: list[ChunkMark] = []
    for plan in work.chunks[sample.key]:
        mark = work.kept.get(plan.stem.name)
        if mark is None and work.pool is not None and sample.key in work.apart:
            while not work.pool.finished(plan, _LOOK_SECONDS):
                work.look(sample)
            mark = kept_mark(plan)
            if mark is None:
                raise StoreError(
                    f"A part of {sample.name} that was written a moment ago cannot be read.",
                    "Check the disk of the data folder, and start the import again.",
                )
        elif mark is None:
            mark = _read_here(work, sample, plan)
        marks.append(mark)
        if len(marks) < len(work.chunks[sample.key]):
            work.look(sample)
    return _joined(work, sample, key, marks)


def _read_here(work: _Work, sample: SurveySample, plan: ChunkPlan) -> ChunkMark:
    from nscweb.io.survey.cut_out import excerpt

    def report(cells: int) -> None:
        work.running = cells
        work.report(sample)

    part = excerpt(work.found, sample, plan.start, plan.stop, apart=False)
    mark = read_chunk(part, plan, work.cancel, report)
    work.here, work.running = work.here + plan.stop - plan.start, 0
    return mark


def _joined(work: _Work, sample: SurveySample, key: str, marks: Sequence[ChunkMark]) -> SampleMark:
    folder, study_id = work.staging.app.folder, work.staging.study_id
    plans = work.chunks[sample.key]
    full = [(plan, mark) for plan, mark in zip(plans, marks, strict=True) if mark.cells]
    cells = sum(mark.cells for mark in marks)
    if full:
        write_quality(
            folder.quality_path(study_id, key), judged(np.concatenate([part_features(plan) for plan, _ in full]))
        )
        if any(mark.columns for _, mark in full):
            columns = join_columns([(part_columns(plan, mark), mark.cells) for plan, mark in full])
            write_columns(folder.columns_path(study_id, key), columns)
        # Last, because a single part is moved and not copied.
        parts = [plan.path("arrow") for plan, _ in full]
        join_cell_files(folder.cells_path(study_id, key), parts, renumber=work.fields is not None)
    ignored = sum(mark.ignored for mark in marks)
    return SampleMark(
        sample.name,
        key if cells else "",
        cells,
        sum(mark.images for mark in marks),
        sum(mark.skipped for mark in marks),
        ignored,
        _findings(sample, marks, ignored),
    )


def _findings(sample: SurveySample, marks: Sequence[ChunkMark], ignored: int) -> tuple[Finding, ...]:
    """Findings of all chunks; what concerns the sample as a whole is told once."""
    found = [finding for mark in marks for finding in mark.findings]
    whole = next((finding for finding in found if finding.code == NOT_KEPT), None)
    rest = [finding for finding in found if finding.code != NOT_KEPT]
    if whole is not None:
        rest.insert(0, replace(whole, where=f"{sample.name}: {ignored:,} files"))
    return tuple(rest)
