"""Cells of a study from which the fast form of a model learns, and others on which it is judged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nscweb.core.errors import WrongUse
from nscweb.core.samples import Study
from nscweb.store.cell_files import CellFile

if TYPE_CHECKING:
    from nscweb.services.context import App

_LEAST = 100


def export_cells(
    app: App, study_name: str, channels: Sequence[str], *, calibration: int = 2_000, check: int = 6_000
) -> tuple[list[NDArray[Any]], list[NDArray[Any]], Study]:
    """(cells to learn ranges from, other cells to judge on, the study); each (C, h, w), from all samples alike.

    Every fourth cell goes to the first list, the others to the second, so no cell is in both.

    Args:
        channels: of the recipe; ``brightfield`` is the brightfield channel of the study.

    Raises:
        StudyNotFound: there is no such study.
        WrongUse: it lacks a channel, or has too few cells.
    """
    study = app.catalogue.study(study_name)
    names = tuple(study.channel if name == "brightfield" else name for name in channels)
    missing = [name for name in names if name not in study.channels]
    if missing:
        raise WrongUse(
            f"The study {study.name} has no channel {', '.join(missing)}.",
            f"It has {', '.join(study.channels)}; take another study.",
            "E-CHANNEL",
        )
    if study.cells < _LEAST:
        raise WrongUse(
            f"The study {study.name} has {study.cells} cells; at least {_LEAST} are needed to judge a fast form.",
            "Take a larger study.",
        )
    keys = app.catalogue.sample_keys(study.study_id)
    samples = [sample for sample in study.samples if sample.cells]
    parts: tuple[list[NDArray[Any]], list[NDArray[Any]]] = ([], [])
    share = min(1.0, max(calibration * 4, check * 4 / 3) / max(1, study.cells))
    for sample in samples:
        wanted = max(4, round(sample.cells * share))
        rows = np.unique(np.linspace(0, sample.cells - 1, min(wanted, sample.cells)).astype(int))
        with CellFile(app.folder.cells_path(study.study_id, keys[sample.name])) as cells:
            for number, pixels in enumerate(cells.take(rows.tolist(), names)):
                if pixels is not None:
                    parts[int(number % 4 != 0)].append(np.array(pixels))
    return _some(parts[0], calibration), _some(parts[1], check), study


def _some(images: list[NDArray[Any]], most: int) -> list[NDArray[Any]]:
    if len(images) <= most:
        return images
    return [images[index] for index in np.linspace(0, len(images) - 1, most).astype(int)]
