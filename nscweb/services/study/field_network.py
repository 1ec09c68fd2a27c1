"""How the cells of a field are found: by classical steps, or by the learnt method for phase contrast."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nscweb.core.field_settings import SegmentationSettings
from nscweb.preprocess.numbered_objects import nobody_counts

if TYPE_CHECKING:
    from nscweb.services.context import App

_FOLDER, _FILE = "backbones", "phase-contrast-cba54334.onnx"


def network_of(app: App, settings: SegmentationSettings | None) -> Path | None:
    """The file of the learnt method, written the first time somebody chooses it; None for other methods.

    Raises:
        InputRefused: the package with its weights is not installed.
    """
    if settings is None or settings.method != "learnt":
        return None
    path = app.settings.data_dir / _FOLDER / _FILE
    if not path.is_file():
        from nscweb.inference.phase_contrast_maps import phase_contrast_onnx
        from nscweb.store.files import atomic_write

        path.parent.mkdir(parents=True, exist_ok=True)
        data = phase_contrast_onnx()
        with atomic_write(path) as stream:
            stream.write(data)
    return path


def labels_of_field(
    pixels: NDArray[Any],
    settings: SegmentationSettings,
    network: Path | None = None,
    pixel_size_um: float | None = None,
    threads: int = 1,
    too_large: Callable[[int], None] = nobody_counts,
) -> NDArray[np.int32]:
    """Number the cells of a field (h, w) by the method of the settings.

    Args:
        network: what `network_of` gives for these settings.
        too_large: told how many objects were left out because they are larger than the largest area.
    """
    if settings.method == "learnt":
        from nscweb.inference.phase_contrast_maps import maps_of_field
        from nscweb.preprocess.learnt_objects import network_scale, objects_of_maps

        assert network is not None, "the learnt method needs its network"
        maps = maps_of_field(network, pixels, network_scale(settings), threads)
        return objects_of_maps(maps, (pixels.shape[0], pixels.shape[1]), settings, too_large)
    from nscweb.preprocess.segmentation import segment_field

    return segment_field(pixels, settings, pixel_size_um, too_large)
