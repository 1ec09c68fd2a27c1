"""Reading one channel of a zipped export: zipfile and Pillow against nscweb, in one process.

    python benchmarks/ingest.py [--cells 5000] [--rounds 3]

Both give the same pixels, which is checked first. The naive way is what a first script would do: open the zip,
read each member, open it with Pillow, make an array. Pillow refuses the fill order 0 that IDEAS writes, so the
export made here has fill order 1; nscweb reads both.
"""

from __future__ import annotations

import argparse
import io
import resource
import struct
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.io.survey import survey
from nscweb.simulation.writer import CHANNELS, write_study_zip

FILL_ORDER = [struct.pack("<HHLL", 266, 3, 1, value) for value in (0, 1)]


def make_export(folder: Path, cells: int) -> Path:
    """A zip of `cells` cells in four channels: a few simulated ones again and again under new numbers."""
    seed = folder / "seed.zip"
    write_study_zip(seed, cells=400, seed=1, groups=["NT3"], replicates=1)
    drawn: dict[str, list[bytes]] = {channel: [] for channel in CHANNELS}
    with zipfile.ZipFile(seed) as archive:
        for name in archive.namelist():
            channel = name.rpartition("_")[2].split(".")[0]
            drawn[channel].append(archive.read(name).replace(*FILL_ORDER))
    out = folder / "export.zip"
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(cells):
            for channel in CHANNELS:
                name = f"NT3_1d_rep{number % 3 + 1}/x_{number}_{channel}.ome.tif"
                archive.writestr(name, drawn[channel][number % len(drawn[channel])])
    return out


def naive(path: Path) -> list[np.ndarray]:
    """Pixels of channel 1 as a first script reads them."""
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if "_Ch1." in name]
        return [np.asarray(Image.open(io.BytesIO(archive.read(name)))) for name in names]


def ours(path: Path) -> int:
    """Number of cells, each read and checked, none kept."""
    log = FindingLog()
    with survey([path], Limits(), log) as found:
        return sum(1 for sample in found.samples for _ in found.read(sample, ["Ch1"], log))


def check(path: Path, expected: list[np.ndarray]) -> None:
    """Both ways give the same pixels."""
    log = FindingLog()
    with survey([path], Limits(), log) as found:
        for sample in found.samples:
            for cell in found.read(sample, ["Ch1"], log):
                np.testing.assert_array_equal(cell.pixels[0], expected[cell.object_number])
    assert not log.count("skip")


def main() -> None:
    """Print a table of rates and their ratio."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--cells", type=int, default=5000)
    options.add_argument("--rounds", type=int, default=3)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = make_export(Path(folder), chosen.cells)
        check(path, naive(path))
        seconds: dict[str, float] = {}
        for name, way in (("zipfile + Pillow", naive), ("nscweb", ours)):
            best = []
            for _ in range(chosen.rounds):
                before = time.process_time()
                way(path)
                best.append(time.process_time() - before)
            seconds[name] = min(best)
            print(f"{name:20s} {chosen.cells / seconds[name]:10,.0f} cells/s of processor time")
        before = time.process_time()
        with survey([path], Limits(), FindingLog()) as found:
            listed = time.process_time() - before
            print(f"{'listing alone':20s} {found.members / listed:10,.0f} files/s of processor time")
        print(f"ratio {seconds['zipfile + Pillow'] / seconds['nscweb']:.1f}")
        print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB")


if __name__ == "__main__":
    main()
