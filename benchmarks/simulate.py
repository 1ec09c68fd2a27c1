"""How fast simulated studies are drawn, and a picture of simulated beside real cells.

python benchmarks/simulate.py                 cells per second by profile and number of workers
python benchmarks/simulate.py --picture OUT   side by side with the real images in ../shared
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray

from nscweb.preprocess.pixel_steps import border_background
from nscweb.simulation.labelled_cells import iter_labelled_cells
from nscweb.simulation.traits import FATES
from nscweb.simulation.writer import write_study_zip

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
TILE = 150


def tile(image: NDArray[np.generic]) -> NDArray[np.uint8]:
    """One cell on a square of the level of its background, enlarged without smoothing, at a common contrast."""
    values = image.astype(np.float64)
    level, _ = border_background(values)
    span = max(float(np.abs(values - level).max()), 1e-6)
    grey = np.clip(150 + 100 * (values - level) / span, 0, 255).astype(np.uint8)
    factor = max(1, TILE // max(grey.shape))
    grey = cv2.resize(grey, None, fx=factor, fy=factor, interpolation=cv2.INTER_NEAREST)
    out = np.full((TILE, TILE), 150, np.uint8)
    grey = grey[:TILE, :TILE]
    top, left = (TILE - grey.shape[0]) // 2, (TILE - grey.shape[1]) // 2
    out[top : top + grey.shape[0], left : left + grey.shape[1]] = grey
    return out


def row(images: list[NDArray[np.generic]], text: str, columns: int = 9) -> NDArray[np.uint8]:
    """A captioned row of cells."""
    strip = np.hstack([tile(image) for image in images[:columns]])
    head = np.full((34, strip.shape[1]), 255, np.uint8)
    cv2.putText(head, text, (6, 24), cv2.FONT_HERSHEY_SIMPLEX, 0.62, 0, 1, cv2.LINE_AA)
    return np.vstack([head, strip])


def picture(out: Path) -> None:
    """Real rows above simulated rows, each cell scaled to its own contrast."""
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)
    bmp = sorted((SHARED / "zhu2021" / "named_bmp").iterdir())
    real = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in bmp]
    ideas = sorted((SHARED / "ideas_ometif").glob("*_Ch1.ome.tif"))
    other = [tifffile.imread(path, is_ome=False) for path in ideas]
    rows = [row(real[::-1], "REAL: neural stem cells of Zhu et al. 2021, FlowSight, brightfield")]
    cells = list(iter_labelled_cells(11, 720, replicates=4))
    for fate, name in enumerate(FATES):
        for hours in (24.0, 120.0):
            chosen = [cell.pixels[0] for cell in cells if cell.fate == fate and cell.time_h == hours]
            rows.append(row(chosen[::5], f"SIMULATED: {name}, {hours / 24:g} d"))
    rows.append(row(other[::2], "REAL: airway cells, ImageStream, brightfield (other cells, same kind of instrument)"))
    wide = [cell.pixels[0] for cell in iter_labelled_cells(12, 150, replicates=2, profile="imagestream")]
    rows.append(row(wide[::16], "SIMULATED: ImageStream-like"))
    cv2.imwrite(str(out), np.vstack(rows))


def speed(cells: int) -> None:
    """Cells per second, four channels, written as a zip."""
    with tempfile.TemporaryDirectory() as folder:
        for profile in ("flowsight", "imagestream"):
            for workers in (1, 2):
                began = time.perf_counter()
                count = cells if profile == "flowsight" else cells // 8
                # One group, so that a sample holds hundreds of cells as in a study of 100,000.
                out = Path(folder) / "s.zip"
                write_study_zip(out, cells=count, seed=1, groups=["NT3"], profile=profile, workers=workers)
                rate = count / (time.perf_counter() - began)
                print(f"{profile:12s} {workers} worker(s): {rate:7.0f} cells/s; 100,000 in {1e5 / rate / 60:.1f} min")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--cells", type=int, default=8000)
    given = parser.parse_args()
    if given.picture is not None:
        if not SHARED.exists():
            sys.exit("The real images (../shared) are not on this machine.")
        picture(given.picture)
    else:
        speed(given.cells)
