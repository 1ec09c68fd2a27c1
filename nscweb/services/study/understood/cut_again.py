"""Images that were imported as cells and are whole fields of view: their cells are cut out of what is stored.

The files of the import need not be there any more. The cells become a study of their own, with the sample sheet of the
first one, which stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nscweb.core.cells import CellImage
from nscweb.core.errors import NscwebError, StudyError, WrongUse
from nscweb.core.field_settings import SegmentationSettings
from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.core.plain import to_plain
from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress
from nscweb.core.samples import Study
from nscweb.services.study.fields import Field, FieldPreview, preview_field
from nscweb.services.study.import_request import ImportReport, ImportRequest
from nscweb.services.study.import_staging import request_key, staged
from nscweb.services.study.study import get_study
from nscweb.services.study.study_import import read_and_publish
from nscweb.store.cell_files import CellFile
from nscweb.store.kept_outlines import OUTLINES, kept_outlines

if TYPE_CHECKING:
    from nscweb.io.survey.field_masks import FieldMasks
    from nscweb.services.context import App


class StoredImages:
    """The images of one sample of a study, as a table of cells that a survey can hold."""

    labelled: bool = False
    has_masks: bool = False
    brightfield: str = ""

    def __init__(self, path: Path, sample: str, pixel_size_um: float | None) -> None:
        self._file = CellFile(path)
        self.name = sample
        self.pixel_size_um = pixel_size_um
        self.channels, self.cells = self._file.channels, len(self._file)
        self.groups: Mapping[str, NDArray[Any]] = {sample: np.arange(self.cells)}
        self._sources = self._file.sources()

    def where(self, row: int) -> str:
        """The file that the image came from."""
        return f"{self.name}: {self._sources[row]}"

    def read(
        self, rows: Sequence[int], channels: Sequence[str], limits: Limits, log: FindingLog
    ) -> Iterator[tuple[int, CellImage | NscwebError]]:
        """The images, with the channels that each has."""
        for row in rows:
            planes = {name: self._file.images(name, row, row + 1)[0] for name in channels}
            there = tuple(name for name in channels if planes[name] is not None)
            pixels = np.stack([plane[0] for plane in planes.values() if plane is not None])
            yield row, CellImage(int(self._file.object_numbers[row]), there, pixels, str(self._sources[row]))

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def name_of_cells(study: Study) -> str:
    """What the study of the cells is called."""
    return f"{study.name[:150]}, cells"


def name_of_parts(study: Study) -> str:
    """What the study of the parted samples is called."""
    return f"{study.name[:150]}, samples apart"


def cut_study(
    app: App,
    study: str,
    settings: SegmentationSettings | None = None,
    *,
    progress: Progress = no_progress,
    cancel: CancelAsked = never_cancelled,
) -> ImportReport:
    """Cut the cells out of the images of a study, into a new study: by the outlines that lay beside an image when it
    was imported, else by a search.

    Args:
        settings: how cells are found; None takes what suits the pixel size.

    Raises:
        StudyNotFound: no such study.
        StudyExists: there is a study with its cells already.
        WrongUse: its cells were cut out of fields already.
        ImportRefused: no cell was found in any image.
    """
    from nscweb.io.survey.survey import survey_tables

    found = get_study(app, study)
    if app.catalogue.study_info(found.study_id).get("fields"):
        raise WrongUse(f"The cells of {found.name} were cut out of fields already.")
    chosen = settings or SegmentationSettings.suggested(found.pixel_size_um)
    request = ImportRequest(
        (),
        name_of_cells(found),
        channel=found.channel,
        pixel_size_um=found.pixel_size_um,
        simulated=found.simulated,
        describe={sample.name: sample for sample in found.samples},
        fields=chosen,
    )
    keys = app.catalogue.sample_keys(found.study_id)
    log = FindingLog()
    with staged(app, request.name, request_key({"cut": found.study_id, "how": to_plain(chosen)}, ())) as staging:
        tables = [
            StoredImages(app.folder.cells_path(found.study_id, keys[sample.name]), sample.name, found.pixel_size_um)
            for sample in found.samples
            if sample.cells
        ]
        try:
            with survey_tables([(table, table.name) for table in tables], app.settings.limits) as images:
                images.masks = _outlines(app, found)
                return read_and_publish(app, request, staging, images, log, progress, cancel)
        finally:
            for table in tables:
                table.close()


def _outlines(app: App, study: Study) -> FieldMasks:
    kept = app.catalogue.study_info(study.study_id).get(OUTLINES, {})
    return kept_outlines(app.folder.outlines_dir(study.study_id), kept)


def preview_cut(app: App, study: str) -> FieldPreview:
    """What `cut_study` would find in the first image, or in the first one with outlines beside it.

    Raises:
        StudyNotFound: no such study.
        StudyError: it has no cells.
    """
    found = get_study(app, study)
    masks = _outlines(app, found)
    keys = app.catalogue.sample_keys(found.study_id)
    samples = [item for item in found.samples if item.cells]
    if not samples:
        raise StudyError(f"{found.name} has no cells.")
    shown, row = samples[0], 0
    for sample in samples if masks.files else ():
        with CellFile(app.folder.cells_path(found.study_id, keys[sample.name])) as cells:
            outlined = next((n for n, source in enumerate(cells.sources()) if str(source) in masks.files), None)
        if outlined is not None:
            shown, row = sample, outlined
            break
    with CellFile(app.folder.cells_path(found.study_id, keys[shown.name])) as cells:
        (image,), (source,) = cells.images(found.channel, row, row + 1), cells.sources(row, row + 1)
        if image is None:
            raise StudyError(f"The image {source} of {shown.name} has no channel {found.channel}.")
        pixels = np.array(image[0])
    size, said = (pixels.shape[0], pixels.shape[1]), FindingLog()
    given = masks.outlines(str(source), size, app.settings.limits, said)
    field = Field(
        str(source),
        pixels,
        size,
        found.channel,
        found.cells,
        labels=None if given is None else given.labels,
        mask="" if given is None else given.file,
        findings=tuple(finding.message for finding in said),
    )
    return preview_field(app, field, SegmentationSettings.suggested(found.pixel_size_um))
