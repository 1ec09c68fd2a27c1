"""Pixels of chosen cells from the Arrow files, and how native depth becomes a picture for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nscweb.core.errors import StoreError, WrongUse
from nscweb.core.run_record import Run

if TYPE_CHECKING:
    from nscweb.services.context import App


def split_id(cell_id: str) -> tuple[str, int]:
    """``c000003:17`` -> ("c000003", 17); WrongUse when it is no cell id."""
    key, _, row = cell_id.partition(":")
    if not key or not row.isdecimal():
        raise WrongUse(f"{cell_id!r} is not the id of a cell.")
    return key, int(row)


def images_of(app: App, run: Run, cell_ids: Sequence[str], channels: Sequence[str] | None = None) -> list[NDArray[Any]]:
    """Native (C, h, w) pixels of cells in the order of `cell_ids`, read from the memory-mapped files.

    Args:
        channels: channels to read; None takes the channel of the run.

    Raises:
        StoreError: the study was deleted or a cell file is damaged.
    """
    from nscweb.store.cell_files import CellFile

    wanted = (
        list(channels) if channels is not None else list(run.extra.get("channels") or (run.provenance.channel,))[:1]
    )
    places: dict[str, list[tuple[int, int]]] = {}
    for position, cell_id in enumerate(cell_ids):
        key, row = split_id(cell_id)
        places.setdefault(key, []).append((position, row))
    images: list[NDArray[Any] | None] = [None] * len(cell_ids)
    for key, asked in places.items():
        path = app.folder.cells_path(run.study_id, key)
        if not path.exists():
            raise StoreError(
                "The cells of this run are gone; the study was deleted or moved.", "Import the study again."
            )
        with CellFile(path) as cells:
            taken = cells.take([row for _, row in asked], wanted)
        for (position, _), pixels in zip(asked, taken, strict=True):
            images[position] = pixels
    return [image for image in images if image is not None]


def display(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """(h, w) at any depth to uint8 for people: background mid-grey, contrast by the cell itself.

    The span never falls below eight times the noise of the border, so that an empty frame does not look like a
    cell; every cell has the same background grey, so that neighbours in a gallery compare.
    """
    values = np.asarray(pixels, np.float64)
    border = np.concatenate([values[0], values[-1], values[1:-1, 0], values[1:-1, -1]])
    background = float(np.median(border))
    noise = 1.4826 * float(np.median(np.abs(border - background)))
    span = max(float(np.percentile(np.abs(values - background), 99.5)), 8.0 * noise, 1e-12)
    scaled = 0.55 + 0.45 * np.clip((values - background) / span, -1.0, 1.0) * np.where(
        values < background, 0.55 / 0.45, 1.0
    )
    return np.asarray(np.clip(np.rint(255.0 * scaled), 0, 255), np.uint8)
