"""A study whose objects come twice, made anew with each object once: see `doubled`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nscweb.core.cells import CellImage
from nscweb.core.errors import NscwebError, WrongUse
from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress
from nscweb.core.samples import Study
from nscweb.io.names.file_names import natural_key
from nscweb.services.study.import_request import ImportReport, ImportRequest
from nscweb.services.study.import_staging import request_key, staged
from nscweb.services.study.study import get_study
from nscweb.services.study.study_import import read_and_publish
from nscweb.services.study.understood.doubled import Kind, Paired, find_doubled
from nscweb.store.cell_files import CellFile

if TYPE_CHECKING:
    from nscweb.services.context import App

# What the second channel is called where the first one is called like it.
_SECOND = "Fluorescence"


def name_of_each(study: Study) -> str:
    """What the study with each object once is called."""
    return f"{study.name[:150]}, each once"


def one_of_each(
    app: App, study: str, kind: Kind, *, progress: Progress = no_progress, cancel: CancelAsked = never_cancelled
) -> ImportReport:
    """Make a new study of a study, in which images of one object are one cell; the first study stays.

    Args:
        kind: what comes twice; channels become channels of one cell, of the rest one image stays.

    Raises:
        StudyNotFound: no such study.
        StudyExists: it was done before.
        WrongUse: nothing of this kind comes twice.
    """
    from nscweb.io.survey.survey import survey_tables

    found = get_study(app, study)
    pairs = [paired for paired in find_doubled(app, found) if paired.found.kind == kind]
    if not pairs:
        raise WrongUse(f"No object of {found.name} comes twice in this way.")
    gone = {sample for paired in pairs for sample in paired.found.samples}
    request = ImportRequest(
        (),
        name_of_each(found),
        channel=found.channel,
        pixel_size_um=found.pixel_size_um,
        simulated=found.simulated,
        describe={sample.name: sample for sample in found.samples},
    )
    log = FindingLog()
    key = request_key({"each": found.study_id, "kind": kind}, ())
    with staged(app, request.name, key) as staging, ExitStack() as stack:
        keys = app.catalogue.sample_keys(found.study_id)
        files = {
            sample.name: stack.enter_context(CellFile(app.folder.cells_path(found.study_id, keys[sample.name])))
            for sample in found.samples
            if sample.cells
        }
        tables = [
            _Images(name, found, files, [(name, row) for row in range(len(file))], [])
            for name, file in files.items()
            if name not in gone
        ]
        tables += [_of_pair(paired, found, files) for paired in pairs]
        with survey_tables([(table, table.name) for table in tables], app.settings.limits) as images:
            return read_and_publish(app, request, staging, images, log, progress, cancel)


def _of_pair(paired: Paired, study: Study, files: Mapping[str, CellFile]) -> _Images:
    order = sorted(range(len(paired.stay)), key=lambda n: natural_key(_source(files, paired.stay[n])))
    stay, other = ([part[n] for n in order] for part in (paired.stay, paired.other))
    return _Images(paired.stay[0][0], study, files, stay, other if paired.found.kind == "channel" else [])


def _source(files: Mapping[str, CellFile], place: tuple[str, int]) -> str:
    return str(files[place[0]].sources(place[1], place[1] + 1)[0])


class _Images:
    """Some images of a study as a table of cells, with the image of another channel beside each."""

    labelled: bool = False
    has_masks: bool = False

    def __init__(
        self,
        sample: str,
        study: Study,
        files: Mapping[str, CellFile],
        stay: Sequence[tuple[str, int]],
        other: Sequence[tuple[str, int]],
    ) -> None:
        self._files, self._stay, self._other, self._study = files, stay, other, study
        self._second = _SECOND if _SECOND not in study.channels else f"{_SECOND} 2"
        self.name, self.brightfield, self.pixel_size_um = sample, study.channel, study.pixel_size_um
        self.channels = (*study.channels, self._second) if other else study.channels
        self.cells = len(stay)
        self.groups: Mapping[str, NDArray[Any]] = {sample: np.arange(self.cells)}

    def where(self, row: int) -> str:
        """The file that the image came from."""
        return f"{self.name}: {_source(self._files, self._stay[row])}"

    def read(
        self, rows: Sequence[int], channels: Sequence[str], limits: Limits, log: FindingLog
    ) -> Iterator[tuple[int, CellImage | NscwebError]]:
        """The images, with the channels that each has."""
        for row in rows:
            planes = {name: self._plane(row, name) for name in channels}
            size = next(plane.shape for plane in planes.values() if plane is not None)
            there = {name: plane for name, plane in planes.items() if plane is not None and plane.shape == size}
            sample, place = self._stay[row]
            number = row + 1 if self._other else int(self._files[sample].object_numbers[place])
            pixels = np.stack(list(there.values()))
            yield row, CellImage(number, tuple(there), pixels, _source(self._files, self._stay[row]))

    def _plane(self, row: int, name: str) -> NDArray[Any] | None:
        second = name == self._second and bool(self._other)
        sample, place = (self._other if second else self._stay)[row]
        file = self._files[sample]
        (image,) = file.images(self._study.channel if second else name, place, place + 1)
        return None if image is None else np.asarray(image[0])

    def close(self) -> None:
        """The files are closed by whoever opened them."""
