"""Images that were imported as one sample and are several by their names: parted out of what is stored.

The files of the import need not be there any more. The samples become a study of their own; the first one stays.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import numpy as np

from nscweb.core.errors import WrongUse
from nscweb.core.findings import FindingLog
from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress
from nscweb.services.study.import_request import APART, NAMES, ImportReport, ImportRequest
from nscweb.services.study.import_staging import request_key, staged
from nscweb.services.study.study import get_study
from nscweb.services.study.study_import import read_and_publish
from nscweb.services.study.understood.cut_again import StoredImages, name_of_parts

if TYPE_CHECKING:
    from nscweb.services.context import App


def part_study(
    app: App, study: str, *, progress: Progress = no_progress, cancel: CancelAsked = never_cancelled
) -> ImportReport:
    """Part the samples of a study whose files have several names, into a new study.

    Raises:
        StudyNotFound: no such study.
        StudyExists: there is a study with its samples apart already.
        WrongUse: no sample of it may be several, or its cells were cut out of fields.
    """
    from nscweb.io.survey.survey import survey_tables

    found = get_study(app, study)
    info = app.catalogue.study_info(found.study_id)
    apart: Mapping[str, Any] = info.get(NAMES, {}).get(APART, {})
    if not apart or info.get("fields"):
        what = "were cut out of fields" if info.get("fields") else "are one sample each by the names of their files"
        raise WrongUse(f"The samples of {found.name} cannot be parted: they {what}.")
    request = ImportRequest(
        (),
        name_of_parts(found),
        channel=found.channel,
        pixel_size_um=found.pixel_size_um,
        simulated=found.simulated,
        describe={sample.name: sample for sample in found.samples if sample.name not in apart},
    )
    keys = app.catalogue.sample_keys(found.study_id)
    with (
        staged(app, request.name, request_key({"part": found.study_id, "how": apart}, ())) as staging,
        ExitStack() as stack,
    ):
        tables = []
        for sample in found.samples:
            if sample.cells:
                path = app.folder.cells_path(found.study_id, keys[sample.name])
                table = StoredImages(path, sample.name, found.pixel_size_um)
                stack.callback(table.close)
                if sample.name in apart:
                    _part(table, list(apart[sample.name]["names"]))
                tables.append((table, sample.name))
        images = stack.enter_context(survey_tables(tables, app.settings.limits))
        return read_and_publish(app, request, staging, images, FindingLog(), progress, cancel)


def _part(table: StoredImages, names: list[str]) -> None:
    """Give the images of a sample to several samples, by the names of their files."""
    from nscweb.io.names.file_names import stem_of
    from nscweb.io.names.loose_names import part_of
    from nscweb.io.survey.opening import LOOSE_LABEL

    around = "" if table.name == LOOSE_LABEL else f"{table.name}/"
    rows: dict[str, list[int]] = defaultdict(list)
    for row in range(table.cells):
        own = part_of(stem_of(table.where(row)), names)
        rows[f"{around}{own}" if own else table.name].append(row)
    table.groups = {name: np.array(own) for name, own in rows.items()}
