"""Features of every cell of a study as one table: measured by nscweb, brought by files, and the populations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nscweb.core.flags import unpack
from nscweb.core.samples import Sample, Study
from nscweb.services.labels.marker_table import markers_of_sample
from nscweb.services.study.quality import quality_table
from nscweb.store.cell_files import CellFile
from nscweb.store.further_columns import POPULATIONS, read_columns

if TYPE_CHECKING:
    from nscweb.services.context import App


def feature_table(app: App, study: str, sample: str | None = None) -> pd.DataFrame:
    """One row per cell of a study, or of one sample of it.

    Columns: ``sample``, ``object_number``, the features of `preprocess.cell_quality` (lengths and areas in pixels, and
    in micrometres where the pixel size of the study is known), ``flags`` in words, ``populations`` in words, the
    light of the markers where it was measured (`services.labels.marker_table`), then the columns that came with the
    files, called ``file: <name>``.

    Raises:
        StudyNotFound: no such study.
    """
    found = app.catalogue.study(study)
    keys = app.catalogue.sample_keys(found.study_id)
    chosen = [item for item in found.samples if item.cells and sample in (None, item.name)]
    parts = [_of_sample(app, found, item, keys[item.name]) for item in chosen]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["sample", "object_number"])


def features_csv(app: App, study: str) -> bytes:
    """`feature_table` as CSV."""
    from nscweb.services.report.export import study_csv

    found = app.catalogue.study(study)
    return study_csv(feature_table(app, found.study_id), "Features", found)


def _of_sample(app: App, study: Study, sample: Sample, key: str) -> pd.DataFrame:
    from nscweb.preprocess.shape import in_micrometres

    measured = quality_table(app, study.study_id, sample.name)
    with CellFile(app.folder.cells_path(study.study_id, key)) as cells:
        numbers = np.array(cells.object_numbers)
    flags = measured.pop("flags")
    measured = in_micrometres(measured, study.pixel_size_um)
    measured.insert(0, "sample", sample.name)
    measured.insert(1, "object_number", numbers)
    words = {int(mask): " ".join(unpack(int(mask))) for mask in flags.unique()}
    measured["flags"] = flags.map(words)
    brought = read_columns(app.folder.columns_path(study.study_id, key), len(measured))
    measured["populations"] = ["; ".join(names) for names in brought.pop(POPULATIONS)]
    light = markers_of_sample(app, study, sample)
    parts = [measured, *([] if light is None else [light]), brought.add_prefix("file: ")]
    return pd.concat(parts, axis=1)
