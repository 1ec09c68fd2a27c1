"""Which cells of a study have a known class, by the class of their sample or by a label of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from nscweb.core.errors import WrongUse
from nscweb.core.samples import Sample, Study
from nscweb.services.labels.agreed import AgreedLabels, agreed_labels
from nscweb.services.labels.labels import HOWS
from nscweb.services.study.pixels import split_id

if TYPE_CHECKING:
    from nscweb.services.context import App
    from nscweb.training.data.dataset import CellFileSource, SampleLabel

ALL_LABELS: tuple[str, ...] = ("all",)
"""What a request says to learn from every label of single cells."""
_DAY_COLUMNS = ("acquisition day", "acquisition date", "date", "recorded", "recording day", "run", "batch")


def sources_of(
    app: App, study: Study, channels: tuple[str, ...] = (), labels: Sequence[str] = ()
) -> list[CellFileSource]:
    """Cells of known class of a study, a cell file or a part of one each.

    Args:
        channels: to read; () for the brightfield channel of the study.
        labels: see `LearnRequest`.

    Raises:
        WrongUse: the study has not kept one of `channels`, or there is no such way to label.
    """
    missing = [name for name in channels if name not in study.channels]
    if missing:
        raise WrongUse(
            f"The study {study.name} has no channel {', '.join(missing)}.",
            f"It has {', '.join(study.channels)}; import it again with the channel.",
            "E-CHANNEL",
        )
    if labels:
        return _labelled(app, study, channels, labels)
    from nscweb.training.data.dataset import CellFileSource

    keys = app.catalogue.sample_keys(study.study_id)
    return [
        CellFileSource(
            app.folder.cells_path(study.study_id, keys[sample.name]),
            channels or (study.channel,),
            _label_of(study, sample),
            sample.true_class,
        )
        for sample in study.samples
        if sample.true_class and sample.cells
    ]


def chosen_labels(app: App, study_id: str, labels: Sequence[str]) -> AgreedLabels:
    """The labels of single cells that a request asks for, one per cell.

    Raises:
        WrongUse: there is no such way to label.
    """
    strange = [name for name in labels if name not in (*HOWS, *ALL_LABELS)]
    if strange:
        raise WrongUse(
            f"Labels are not given by {', '.join(strange)}.",
            f"Ways are {', '.join(HOWS)}; all takes every label.",
            "E-LABEL-WAY",
        )
    return agreed_labels(app, study_id, hows=() if "all" in labels else labels)


def cells_in(study: Study, sources: Sequence[CellFileSource]) -> list[int]:
    """How many cells each source has."""
    sizes = {f"{study.name}: {sample.name}": sample.cells for sample in study.samples}
    return [sizes[item.sample.name] if item.rows is None else len(item.rows) for item in sources]


def _labelled(app: App, study: Study, channels: tuple[str, ...], labels: Sequence[str]) -> list[CellFileSource]:
    """Of each sample a source for each class, and one more for cells that may not judge a model."""
    from nscweb.training.data.dataset import CellFileSource

    table = chosen_labels(app, study.study_id, labels).table
    keys = app.catalogue.sample_keys(study.study_id)
    rows = np.array([split_id(cell)[1] for cell in table["cell_id"]], np.int64)
    found = []
    for sample in study.samples:
        inside = (table["sample"] == sample.name).to_numpy(bool)
        for (name, judges), part in table[inside].groupby(["class", "judges"], sort=True):
            found.append(
                CellFileSource(
                    app.folder.cells_path(study.study_id, keys[sample.name]),
                    channels or (study.channel,),
                    _label_of(study, sample),
                    str(name),
                    tuple(int(row) for row in np.sort(rows[part.index.to_numpy()])),
                    bool(judges),
                )
            )
    return found


def _label_of(study: Study, sample: Sample) -> SampleLabel:
    from nscweb.training.data.dataset import SampleLabel

    return SampleLabel(
        f"{study.name}: {sample.name}",
        sample.group,
        sample.time_h,
        sample.replicate,
        sample.donor,
        _day_of(sample),
        sample.instrument,
    )


def _day_of(sample: Sample) -> str:
    """Day of the acquisition, from a further column of the sheet with such a name."""
    for name, value in sample.extra:
        if name.strip().casefold().replace("_", " ") in _DAY_COLUMNS:
            return value
    return ""
