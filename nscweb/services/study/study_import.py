"""Import: images in, one memory-mapped cell file per sample out, with quality features and findings.

An import that was finished when its worker died before it could say so answers the same when it is asked again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nscweb.core.errors import InputRefused, JobCancelled, NscwebError, StudyNotFound, WrongUse
from nscweb.core.field_settings import SegmentationSettings
from nscweb.core.findings import FindingLog
from nscweb.core.flags import flag
from nscweb.core.plain import to_plain
from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress
from nscweb.core.samples import Sample, Study
from nscweb.services.study.copies import copied_samples
from nscweb.services.study.field_network import network_of
from nscweb.services.study.field_reader import FieldCut, nothing_found
from nscweb.services.study.import_request import (
    APART,
    BLANK,
    COPIES,
    LETTERS,
    NAMES,
    OFFERED_SIZE,
    SEVERAL,
    ImportRefused,
    ImportReport,
    ImportRequest,
    check_request,
    findings_csv,
    read_findings_csv,
    refusal,
)
from nscweb.services.study.import_samples import read_samples
from nscweb.services.study.import_staging import SampleMark, Staging, request_key, staged
from nscweb.services.study.quality import flags_of, share_of_several
from nscweb.store.files import need_space
from nscweb.store.kept_outlines import OUTLINES, keep_outlines

if TYPE_CHECKING:
    from nscweb.io.survey.survey import Survey
    from nscweb.services.context import App


def finished_since(app: App, name: str, since_utc: str) -> ImportReport | None:
    """The report of the study `name` when it was begun at `since_utc` or later, else None.

    While an import is unfinished its hidden study holds the name, so a study that is younger than the job which was
    interrupted is the work of that job.
    """
    try:
        study = app.catalogue.study(name.strip())
    except StudyNotFound:
        return None
    if study.name != name.strip() or study.created_utc < since_utc:
        return None
    return report_of(app, study)


def report_of(app: App, study: Study) -> ImportReport | None:
    """The report of the import that made a study; None for studies that no import made."""
    info = app.catalogue.study_info(study.study_id)
    if not {"skipped", "ignored", "images", "members"} <= set(info):
        return None
    path = app.folder.study_dir(study.study_id) / "findings.csv"
    findings = read_findings_csv(path.read_bytes()) if path.exists() else []
    return ImportReport(
        study=study.name,
        study_id=study.study_id,
        samples=len(study.samples),
        imported=study.cells,
        skipped=info["skipped"],
        ignored=info["ignored"],
        images=info["images"],
        members=info["members"],
        findings=tuple(findings),
    )


def import_study(
    app: App, request: ImportRequest, *, progress: Progress = no_progress, cancel: CancelAsked = never_cancelled
) -> ImportReport:
    """Read every cell image of the paths into a new study.

    The study appears in the catalogue only when everything is written. An import that was killed or
    cancelled leaves finished samples in a hidden folder, and the same call goes on from there.

    Raises:
        WrongUse: no path, a path that does not exist, an empty name, an unknown channel.
        StudyExists: the name is taken.
        ImportRefused: no cell could be read, or something is over a limit; it carries the report.
        JobCancelled: somebody asked to stop.
        DiskFull: there is no room for the cells.
    """
    check_request(app, request)
    log = FindingLog()
    with staged(app, request.name, _key(request)) as staging:
        try:
            return _import(app, request, staging, log, progress, cancel)
        except JobCancelled:
            raise
        except (InputRefused, WrongUse) as error:
            # What was refused will be refused again; there is nothing to go on from.
            staging.discard()
            if isinstance(error, (ImportRefused, WrongUse)):
                raise
            raise ImportRefused(error, _refused_early(request, error, log)) from error


def _import(
    app: App, request: ImportRequest, staging: Staging, log: FindingLog, progress: Progress, cancel: CancelAsked
) -> ImportReport:
    from nscweb.io.survey.survey import survey

    progress(0, 0, "Looking through the files")
    with survey(
        request.paths,
        app.settings.limits,
        log,
        class_from_folder=request.class_from_folder,
        tile_px=request.tile_px,
        name_pattern=request.name_pattern,
        progress=lambda done, total, step="": progress(done, total, "Looking through the files"),
        cancel=cancel,
    ) as found:
        return read_and_publish(app, request, staging, found, log, progress, cancel)


def read_and_publish(
    app: App,
    request: ImportRequest,
    staging: Staging,
    found: Survey,
    log: FindingLog,
    progress: Progress,
    cancel: CancelAsked,
) -> ImportReport:
    """The long part of an import, whose images were listed: cells read and measured, the study made visible.

    Raises:
        ImportRefused: no cell could be read.
        JobCancelled, DiskFull, WrongUse, InputRefused: see `import_study`.
    """
    brightfield, kept = chosen_channels(found, request, log)
    _tell_masks(found, request, log)
    need_space(app.settings.data_dir, _bytes_needed(found, len(kept)))
    known = described(app, request, found, log)
    left_out_before = (found.skipped, found.ignored)
    size = request.pixel_size_um or found.pixel_size_um
    cut = None if request.fields is None else _cut(app, request.fields, size, staging)
    marks = read_samples(staging, found, brightfield, kept, progress, cancel, cut)
    if request.fields is None:
        folder = app.folder.outlines_dir(staging.study_id)
        outlines = keep_outlines(folder, found.masks, app.settings.limits, cancel)
    else:
        outlines = {}
    return _finish(request, staging, found, brightfield, kept, known, marks, left_out_before, outlines, log)


def _cut(app: App, settings: SegmentationSettings, size: float | None, staging: Staging) -> FieldCut:
    return FieldCut(settings, size, network_of(app, settings), app.folder.fields_dir(staging.study_id))


def _tell_masks(found: Survey, request: ImportRequest, log: FindingLog) -> None:
    """Say that outlines beside the images are used, or why they are not."""
    masks = found.masks
    if not masks.fields:
        return
    names = list(dict.fromkeys(name for name, _ in masks.files.values()))
    files = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    if request.fields is not None:
        fields = f"The cells of {masks.fields:,} fields are the outlines in {files}."
        log.add(
            "note",
            "N-MASK-USED",
            fields if masks.fields > 1 else f"The cells of one field are the outlines in {files}.",
        )
        return
    message = (
        "Outlines of cells lie beside images. They were not used, because the images were imported as single cells."
    )
    log.add("warn", "W-MASK-UNUSED", message, files)


def chosen_channels(found: Survey, request: ImportRequest, log: FindingLog) -> tuple[str, tuple[str, ...]]:
    """Brightfield channel and channels to keep, in the order of the survey.

    Raises:
        WrongUse: a channel that the images do not have.
    """
    brightfield = _channel(found, request.channel) if request.channel else found.brightfield
    if found.channels and not brightfield:
        raise WrongUse(
            "The images are merged colour pictures only; none of them is a brightfield image.",
            "Export the brightfield channel from IDEAS, or name the channel to take (--channel).",
            "E-CHANNEL-MERGED",
        )
    if len(found.channels) > 1 and not request.channel:
        log.add(
            "note",
            "N-CHANNEL-GUESSED",
            f"{brightfield} was taken as the brightfield channel, by its name and its pixels; "
            f"the images have {', '.join(found.channels)}. Change it on the page Study, or import with "
            "--channel, if that is wrong.",
        )
    if not request.channel and found.stained:
        log.add(
            "warn",
            "W-CHANNEL-STAINED",
            f"{brightfield} looks like fluorescence, not like brightfield, and no other channel does better "
            f"({', '.join(found.channels)}). A model of brightfield cells says nothing about it.",
        )
    if not request.channels:
        return brightfield, tuple(found.channels)
    wanted = {_channel(found, name) for name in request.channels} | {brightfield}
    return brightfield, tuple(name for name in found.channels if name in wanted)


def _channel(found: Survey, name: str) -> str:
    for known in found.channels:
        if known.lower() == name.strip().lower():
            return str(known)
    raise WrongUse(f"The images have no channel {name!r}.", f"They have: {', '.join(found.channels)}.", "E-CHANNEL")


def _finish(
    request: ImportRequest,
    staging: Staging,
    found: Survey,
    brightfield: str,
    kept: tuple[str, ...],
    known: Mapping[str, Sample],
    marks: list[SampleMark],
    left_out_before: tuple[int, int],
    outlines: Mapping[str, Any],
    log: FindingLog,
) -> ImportReport:
    from nscweb.io.survey.listing import why_nothing

    skipped_before, ignored_before = left_out_before
    for mark in marks:
        log.extend(mark.findings)
    cells, images = sum(mark.cells for mark in marks), sum(mark.images for mark in marks)
    # What the survey left out by itself, and what reading left out, now or before a kill.
    skipped = skipped_before + sum(mark.skipped for mark in marks)
    ignored = ignored_before + sum(mark.ignored for mark in marks)
    if not cells:
        reason = (
            nothing_found(images)
            if request.fields and images
            else why_nothing(log, [path.name for path in request.paths])
        )
        report = refusal(request.name, reason, skipped=skipped, ignored=ignored, members=found.members, findings=log)
        raise ImportRefused(reason, report)
    if len(kept) > 1:
        log.add("note", "N-IMAGES-PER-CELL", f"{images:,} images in {len(kept)} channels make {cells:,} cells.")
    pixel_size = request.pixel_size_um
    if pixel_size is None and found.pixel_size_um:
        pixel_size = found.pixel_size_um
        log.add(
            "note",
            "N-PIXEL-SIZE",
            f"The files say that a pixel is {pixel_size:.4g} µm wide; it was taken from them. Change it on the "
            "page Study if that is wrong.",
        )
    keys = {mark.name: mark.key for mark in marks}
    copies = _copies(staging, keys, brightfield, log)
    samples = [replace(known[mark.name], name=mark.name, cells=mark.cells) for mark in marks if mark.cells]
    simulated = found.simulated if request.simulated is None else request.simulated
    report = ImportReport(
        request.name, staging.study_id, len(samples), cells, skipped, ignored, images, found.members, tuple(log)
    )
    staging.publish(
        samples,
        findings_csv(log),
        channel=brightfield,
        channels=kept,
        simulated=simulated,
        pixel_size_um=pixel_size,
        info={
            "skipped": skipped,
            "ignored": ignored,
            "images": images,
            "members": found.members,
            "fields": request.fields is not None,
            "field_settings": None if request.fields is None else to_plain(request.fields),
            COPIES: copies,
            BLANK: _blank(staging, marks),
            OUTLINES: outlines,
            SEVERAL: 0.0 if request.fields else share_of_several(staging.app, staging.study_id, keys, brightfield),
            OFFERED_SIZE: found.offered_pixel_size_um,
            NAMES: {
                "rules": found.rules,
                "left_off": found.left_off,
                "strange": found.strange_names,
                "several_times": found.several_times,
                LETTERS: found.letters,
                APART: {
                    name: {"names": parted.names, "example": parted.example} for name, parted in found.apart.items()
                },
            },
        },
    )
    return report


def _blank(staging: Staging, marks: list[SampleMark]) -> dict[str, int]:
    """Samples with cells whose pixels all have one value -> how many."""
    bit = flag("constant").bit
    found = {
        mark.name: int(((flags_of(staging.app, staging.study_id, mark.key, mark.cells) & bit) != 0).sum())
        for mark in marks
        if mark.cells
    }
    return {name: cells for name, cells in found.items() if cells}


def _copies(staging: Staging, keys: Mapping[str, str], brightfield: str, log: FindingLog) -> dict[str, str]:
    """Samples that hold the cells of another sample and nothing else -> that sample; those and overlaps are said."""
    whole = {}
    for copy in copied_samples(staging.app, staging.study_id, keys, brightfield):
        if copy.whole:
            whole[copy.sample] = copy.of
            message = (
                f"The sample holds the cells of {copy.of}, pixel by pixel ({copy.cells:,} cells). A copy is no "
                "replicate, so it is not counted."
            )
            log.add("warn", "W-SAMPLE-COPY", message, copy.sample)
        else:
            message = (
                f"{copy.cells:,} cells of the sample ({100 * copy.share:.0f} %) are cells of {copy.of}, pixel by "
                "pixel. They count in both."
            )
            log.add("warn", "W-SAMPLE-OVERLAP", message, copy.sample)
    return whole


def described(app: App, request: ImportRequest, found: Survey, log: FindingLog) -> dict[str, Sample]:
    """What names, the program that made the images and the given sheet say of each sample.

    Raises:
        InputRefused: the sheet cannot be read, or holds values that cannot be understood.
    """
    known = {sample.name: sample.hint for sample in found.samples} | dict(request.describe or {})
    if request.sheet is None:
        return known
    from nscweb.io.sheets.sample_sheets import apply_sheet, read_sheet
    from nscweb.services.study.sheet import read_sheet_file

    data = read_sheet_file(app, request.sheet)
    rows = read_sheet(data, request.sheet.name, log, app.settings.limits, samples=list(known.values()))
    filled = apply_sheet(list(known.values()), rows, log)
    if filled == list(known.values()) and any(finding.code.startswith("E-SHEET") for finding in log):
        raise InputRefused(
            f"No value of the sample sheet {request.sheet.name} could be understood.",
            "They are listed; correct them, or import without the sheet and fill it in afterwards.",
            "E-SHEET",
        )
    return {sample.name: sample for sample in filled}


def _refused_early(request: ImportRequest, error: NscwebError, log: FindingLog) -> ImportReport:
    """The report when not even a list of cells could be made."""
    return refusal(request.name, error, skipped=log.count("skip"), members=log.count("skip"), findings=log)


def _bytes_needed(found: Survey, kept: int) -> int:
    """A guess of what the cell files will take: 64 by 64 pixels at 8 bit for each image that is kept.

    While the parts of the largest sample are joined, it lies on the disk twice.
    """
    share = kept / max(1, len(found.channels))
    twice = max((sample.cells for sample in found.samples), default=0) / max(1, found.cells)
    return int(found.members * share * (1 + twice)) * 64 * 64


def _key(request: ImportRequest) -> str:
    parts = {name: value for name, value in vars(request).items() if name not in ("paths", "describe")}
    return request_key(parts, [*request.paths, *([request.sheet] if request.sheet else [])])
