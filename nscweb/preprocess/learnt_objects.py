"""From maps of a learnt network to numbered cells: inside of a cell, parted along the rims."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.segmentation import watershed

from nscweb.core.field_settings import SegmentationSettings
from nscweb.preprocess.numbered_objects import Labels, in_reading_order, nobody_counts

# Diameter, in pixels of the network, of the cells that it outlines best.
NETWORK_CELL_PX = 28
_INSIDE, _RIM = 0.5, 0.5
# A core smaller than this share of the smallest cell is noise inside another cell.
_CORE_SHARE = 0.25


def network_scale(settings: SegmentationSettings) -> float:
    """By how much a field is resized for the network, so that its cells are as large as those that it knows."""
    return min(4.0, NETWORK_CELL_PX / settings.cell_px)


def objects_of_maps(
    maps: NDArray[Any],
    size: tuple[int, int],
    settings: SegmentationSettings,
    too_large: Callable[[int], None] = nobody_counts,
) -> Labels:
    """Number the cells of a field (H, W) = `size`, from maps (2, h, w) of it at the scale of the network.

    Args:
        too_large: told how many objects were left out because they are larger than the largest area.
    """
    small = np.asarray(maps[0] > _INSIDE)
    shrink = maps.shape[1] / size[0] * maps.shape[2] / size[1]
    least = settings.min_area * shrink
    cores = (small & (maps[1] < _RIM)).astype(np.uint8) if settings.split else small.astype(np.uint8)
    count, markers, stats, _ = cv2.connectedComponentsWithStats(cores, connectivity=4)
    keep = stats[:, cv2.CC_STAT_AREA] >= max(2.0, _CORE_SHARE * least)
    keep[0] = False
    table = np.where(keep, np.arange(count), 0).astype(np.int32)
    depth = np.asarray(cv2.distanceTransform(small.astype(np.uint8), cv2.DIST_L2, 5), np.float32)
    found = np.asarray(watershed(-depth, table[markers], mask=small), np.int32)
    labels = cv2.resize(found.astype(np.float32), size[::-1], interpolation=cv2.INTER_NEAREST).astype(np.int32)
    inside = cv2.resize(np.asarray(maps[0], np.float32), size[::-1], interpolation=cv2.INTER_LINEAR) > _INSIDE
    labels[~inside] = 0
    areas = np.bincount(labels.ravel(), minlength=1)
    too_large(int(np.count_nonzero(areas[1:] > settings.max_area)))
    wrong = (areas < settings.min_area) | (areas > settings.max_area)
    labels[wrong[labels]] = 0
    return in_reading_order(labels)[0]
