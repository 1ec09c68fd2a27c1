"""Precision and recall of the methods that outline adherent cells, against outlines drawn by eye.

    python benchmarks/field_outlines.py ../shared/data/fields/t98g_fields

The outlines (`tests/reference_outlines/t98g.json`) are those of the cells in a part of 400 x 400 pixels of two fields
of T98G in phase contrast; they were drawn before any method had run on these fields. A found outline counts when its
middle lies in that part, and is right when it shares half of its union with an outline drawn (intersection over union
0.5).
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray

from nscweb.core.field_settings import SegmentationSettings
from nscweb.io.outlines.polygons import Outline, draw_outlines
from nscweb.preprocess.numbered_objects import inner_points
from nscweb.services.context import open_app
from nscweb.services.study.field_network import labels_of_field, network_of
from nscweb.settings import Settings

REFERENCE = Path(__file__).parent.parent / "tests" / "reference_outlines" / "t98g.json"
RIGHT = 0.5
SETTINGS: dict[str, SegmentationSettings] = {
    "grain of the background": SegmentationSettings(),
    "grain, threshold 2": SegmentationSettings(threshold=2.0),
    "Otsu": SegmentationSettings(method="otsu", threshold=1.0),
    "triangle": SegmentationSettings(method="triangle", threshold=1.0),
    **{
        f"learnt, cells of {side} px": SegmentationSettings(method="learnt", cell_px=side)
        for side in (28, 40, 48, 56, 64, 80)
    },
}


def counted(labels: NDArray[np.int32], part: tuple[int, int, int, int], drawn: list[NDArray[np.bool_]]) -> np.ndarray:
    """(outlines that are right, outlines found, outlines drawn) in the part (left, top, width, height)."""
    left, top, width, height = part
    there = [
        number
        for number, (x, y) in enumerate(inner_points(labels), start=1)
        if left <= x < left + width and top <= y < top + height
    ]
    right = 0
    for mask in drawn:
        numbers, shared = np.unique(labels[mask], return_counts=True)
        best = 0.0
        for number, both in zip(numbers.tolist(), shared.tolist(), strict=True):
            if number:
                best = max(best, both / (mask.sum() + np.count_nonzero(labels == number) - both))
        right += best > RIGHT
    return np.array([right, len(there), len(drawn)])


def measure(folder: Path, settings: SegmentationSettings, network: Path | None) -> tuple[np.ndarray, float]:
    """(right, found, drawn) over the fields, and seconds a field."""
    total, seconds = np.zeros(3, int), 0.0
    reference = json.loads(REFERENCE.read_text("utf-8"))
    for name, about in reference.items():
        pixels = tifffile.imread(folder / name)
        outlines = [Outline((np.array(ring, float),)) for ring in about["outlines"]]
        drawn = [draw_outlines([outline], pixels.shape).labels > 0 for outline in outlines]
        begun = time.perf_counter()
        labels = labels_of_field(pixels, settings, network, threads=2)
        seconds += time.perf_counter() - begun
        total += counted(labels, tuple(about["part"]), drawn)
    return total, seconds / len(reference)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder of the two fields")
    folder = parser.parse_args().folder
    with tempfile.TemporaryDirectory() as place:
        app = open_app(Settings.from_environment({}, Path(place)))
        print("| method | drawn | found | right | precision | recall | F1 | s a field |")
        print("|---" * 8 + "|")
        for name, settings in SETTINGS.items():
            (right, found, drawn), seconds = measure(folder, settings, network_of(app, settings))
            precision, recall = right / max(found, 1), right / drawn
            f1 = 2 * right / max(found + drawn, 1)
            print(
                f"| {name} | {drawn} | {found} | {right} | {precision:.2f} | {recall:.2f} | {f1:.2f} | {seconds:.1f} |"
            )


if __name__ == "__main__":
    main()
