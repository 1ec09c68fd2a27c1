"""Why a model says what it says: class maps of single cells over their raw images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from nscweb.core.runs import Run
from nscweb.services.cells import GalleryCell

if TYPE_CHECKING:
    from nscweb.services.context import App

Method = Literal["auto", "closed-form", "grad-cam"]
PREDICTED = "predicted"


@dataclass(frozen=True)
class Explained:
    """One cell with its class map.

    Attributes:
        cell: the cell with its raw image and scores.
        explained: class that the map speaks for.
        map: (h, w) float32 in 0..1 on the raw frame, 0 outside the field that the network saw.
        overlay: (h, w, 3) uint8, the map over the raw image.
        method: ``closed-form`` or ``grad-cam``.
        pixel_size_um: micrometres per pixel of the frame, None when not known.
    """

    cell: GalleryCell
    explained: str
    map: NDArray[np.float32]
    overlay: NDArray[np.uint8]
    method: str
    pixel_size_um: float | None = None


def explain(
    app: App,
    run: Run | str,
    cell_ids: Sequence[str],
    *,
    class_name: str = PREDICTED,
    method: Method = "auto",
    alpha: float = 0.55,
) -> list[Explained]:
    """Class maps of some cells of a run, in the order of `cell_ids`.

    Args:
        class_name: class to explain, or ``predicted`` for the predicted class of each cell.
        method: ``auto`` takes the closed form where the architecture allows it.
        alpha: strength of the map over the image, 0..1.

    Raises:
        WrongUse: the class or a cell does not exist.
        ModelNotFound: the model of the run is not installed any more.
    """
    from nscweb.services.overlays import explained_cells

    return explained_cells(app, run, cell_ids, class_name, method, alpha)


def save_overlays(cells: Sequence[Explained], out_dir: Path) -> list[Path]:
    """Write raw image and overlay side by side as PNG, one file per cell, named by sample, object and class."""
    from nscweb.services.overlays import save

    return save(cells, out_dir)
