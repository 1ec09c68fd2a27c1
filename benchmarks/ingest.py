"""Import of a zipped export with four channels, one of them kept: a first script against nscweb, in one process.

    python benchmarks/ingest.py [--quick] [--cells 20000] [--rounds 3] [--many 200000]

The first script opens the zip with zipfile, each image with Pillow, and makes (N, 1, 45, 30) float32 with torchvision
transforms. nscweb makes the same batch with its reader and the published recipe, in one process and in two that
share memory. The ways take turns, and ratios are taken within a round, because the speed of a shared machine
changes from minute to minute. A whole import does more than the first script: it measures 23 features per cell,
judges them, and writes cell files. Memory is that of the process and its children, minus the idle program's.
"""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np
from big_export import drawn_images, write_big_zip

from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.core.recipe import InputRecipe
from nscweb.io.survey.cut_out import excerpt
from nscweb.io.survey.survey import Survey, survey
from nscweb.preprocess.prepare import apply_recipe

SIZE = (45, 30)
RECIPE = InputRecipe(background="none", contrast="none", resize=SIZE, divide_by=255, interpolation="area")
TOGETHER = 256
BAR = 8.0
ONE = "nscweb, 1 thread"


def make_export(folder: Path, cells: int) -> Path:
    """A zip of `cells` cells in four channels: a few simulated ones again and again under new numbers."""
    return write_big_zip(folder / f"export-{cells}.zip", cells, samples=3)


def naive_batch(path: Path) -> np.ndarray:
    """Channel 1 as (N, 1, 45, 30) float32, as a first script does it."""
    from PIL import Image
    from torchvision import transforms

    steps = transforms.Compose([transforms.ToTensor(), transforms.Resize(SIZE, antialias=True)])
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if "_Ch1." in name]
        batch = np.empty((len(names), 1, *SIZE), np.float32)
        for target, name in zip(batch, names, strict=True):
            target[:] = steps(Image.open(io.BytesIO(archive.read(name)))).numpy()
    return batch


def batches(part: Survey) -> Iterator[np.ndarray]:
    """(n, 1, 45, 30) of all cells of a survey or an excerpt."""
    log, images = FindingLog(), []
    for sample in part.samples:
        for cell in part.read(sample, ["Ch1"], log, needed="Ch1"):
            images.append(cell.pixels)
            if len(images) == TOGETHER:
                yield apply_recipe(RECIPE, images)
                images = []
    if images:
        yield apply_recipe(RECIPE, images)


def our_batch(path: Path) -> np.ndarray:
    """The same by nscweb in this process."""
    with survey([path], Limits(), FindingLog()) as found:
        batch = np.empty((found.cells, 1, *SIZE), np.float32)
        at = 0
        for part in batches(found):
            batch[at : at + len(part)] = part
            at += len(part)
    return batch


def fill(part: Survey, name: str, total: int, at: int) -> int:
    """In another process: read an excerpt into its place of the shared batch."""
    cv2.setNumThreads(1)
    memory = SharedMemory(name)
    batch = np.ndarray((total, 1, *SIZE), np.float32, memory.buf)
    for rows in batches(part):
        batch[at : at + len(rows)] = rows
        at += len(rows)
    del batch
    memory.close()
    return at


def our_shared_batch(path: Path, pool: ProcessPoolExecutor, chunk: int = 2048) -> np.ndarray:
    """The same by the processes of a pool that share the batch."""
    with survey([path], Limits(), FindingLog()) as found:
        total = found.cells
        memory = SharedMemory(create=True, size=total * 4 * SIZE[0] * SIZE[1])
        jobs, at = [], 0
        for sample in found.samples:
            for start in range(0, sample.cells, chunk):
                stop = min(start + chunk, sample.cells)
                part = excerpt(found, sample, start, stop, apart=True)
                jobs.append(pool.submit(fill, part, memory.name, total, at))
                at += stop - start
        for job in jobs:
            job.result()
    batch = np.array(np.ndarray((total, 1, *SIZE), np.float32, memory.buf))
    memory.close()
    memory.unlink()
    return batch


def whole_import(path: Path, folder: Path, name: str, channels: list[str] | None) -> None:
    """A study with cell files, features and flags."""
    from nscweb.services.context import open_app
    from nscweb.services.study.study import ImportRequest, import_study
    from nscweb.settings import Settings

    app = open_app(Settings.from_environment({}, folder / name))
    import_study(app, ImportRequest((path,), "study", channels=channels))


def timed(way: Any, *given: Any) -> tuple[Any, float]:
    began = time.perf_counter()
    result = way(*given)
    return result, time.perf_counter() - began


def races(path: Path, cells: int, rounds: int) -> dict[str, dict[str, float]]:
    """Seconds of each way in turns -> rate and ratio to the first script, with the spread of the ratio."""
    seconds: dict[str, list[float]] = {}
    processor: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as name, ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        our_shared_batch(path, pool)  # starts the processes, which a program does once
        for turn in range(rounds):
            batch = {}
            for label, way in (("zipfile + Pillow + torchvision, 1 thread", naive_batch), (ONE, our_batch)):
                began = time.process_time()
                batch[label], spent = timed(way, path)
                processor.setdefault(label, []).append(time.process_time() - began)
                seconds.setdefault(label, []).append(spent)
            theirs, ours = batch.values()
            shared, spent = timed(our_shared_batch, path, pool)
            seconds.setdefault("nscweb, 2 processes and shared memory", []).append(spent)
            np.testing.assert_array_equal(ours, shared)
            # The two resize alike, and not by the same formula.
            assert float(np.abs(np.sort(ours.mean((1, 2, 3))) - np.sort(theirs.mean((1, 2, 3)))).max()) < 0.02
            for label, channels in (("1 channel", ["Ch1"]), ("4 channels", None)):
                _, spent = timed(whole_import, path, Path(name), f"{turn} {label}", channels)
                seconds.setdefault(f"whole import of {label}, features and files", []).append(spent)
    first = next(iter(seconds.values()))
    table = {}
    for way, times in seconds.items():
        ratios = [a / b for a, b in zip(first, times, strict=True)]
        table[way] = {
            "cells_per_second": round(cells / median(times)),
            "ratio": round(median(ratios), 1),
            "lowest": round(min(ratios), 1),
            "highest": round(max(ratios), 1),
        }
        if way in processor:
            by_processor = [a / b for a, b in zip(*processor.values(), strict=True)]
            table[way]["ratio_of_processor_time"] = 1.0 if way != ONE else round(median(by_processor), 1)
    return table


def listing(path: Path) -> dict[str, int]:
    """Files per second of opening the zip and sorting its names: zipfile, ours, and our whole survey."""
    from nscweb.io.archives.archive import Archive

    def by_zipfile() -> int:
        with zipfile.ZipFile(path) as archive:
            return len(archive.namelist())

    def by_us() -> int:
        with Archive(path, Limits()) as archive:
            return len(archive)

    def sorted_out() -> int:
        with survey([path], Limits(), FindingLog()) as found:
            return found.members

    ways = {"zipfile": by_zipfile, "nscweb, directory": by_us, "nscweb, sorted into cells": sorted_out}
    rates = {}
    for name, way in ways.items():
        runs = [timed(way) for _ in range(3)]
        rates[name] = round(runs[0][0] / min(spent for _, spent in runs))
    return rates


def memory_of_import(path: Path) -> dict[str, float]:
    """Import in a fresh process: megabytes above the idle program at the peak, and cells per second."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--import-only", str(path), folder]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return dict(zip(("idle_mb", "peak_above_idle_mb", "cells_per_second"), map(float, told), strict=True))


def taken(process: Any) -> int:
    """Bytes of memory of a process, its share of what it shares."""
    about = process.memory_full_info()
    return int(getattr(about, "pss", about.rss))


def import_only(path: Path, folder: Path) -> None:
    """Print idle megabytes, peak above that, cells per second."""
    import psutil

    from nscweb.services.context import open_app
    from nscweb.services.study.import_request import ImportRequest
    from nscweb.services.study.study_import import import_study
    from nscweb.settings import Settings

    app = open_app(Settings.from_environment({}, folder / "data"))
    process = psutil.Process()
    idle = taken(process)
    peak, over = [idle], threading.Event()

    def watch() -> None:
        while not over.wait(0.1):
            total = 0
            for one in [process, *process.children(recursive=True)]:
                try:
                    total += taken(one)
                except psutil.Error:
                    continue
            peak[0] = max(peak[0], total)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        report, spent = timed(import_study, app, ImportRequest((path,), "study"))
    finally:
        over.set()
        watcher.join()
    print(round(idle / 1e6), round((peak[0] - idle) / 1e6), round(report.imported / spent))


def measure(quick: bool = False, cells: int = 20_000, rounds: int = 3, many: int = 200_000) -> dict[str, Any]:
    """All figures of this file; `quick` takes small exports and one round."""
    from nscweb.models.torchvision_compat import ensure_torchvision

    ensure_torchvision()
    import torch

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    if quick:
        cells, rounds, many = 2_000, 1, 6_000
    drawn_images()
    with tempfile.TemporaryDirectory() as name:
        path = make_export(Path(name), cells)
        found: dict[str, Any] = {"cells": cells, "rounds": rounds, "bar": BAR}
        found["races"] = races(path, cells, rounds)
        found["listing"] = listing(path)
        found["memory"] = {cells: memory_of_import(path)}
        path.unlink()
        path = make_export(Path(name), many)
        found["memory"][many] = memory_of_import(path)
        found["listing of many"] = listing(path)
    return found


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--quick", action="store_true")
    options.add_argument("--cells", type=int, default=20_000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--many", type=int, default=200_000)
    options.add_argument("--import-only", nargs=2, type=Path, metavar=("ZIP", "FOLDER"), help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.import_only:
        import_only(*given.import_only)
        return
    found = measure(given.quick, given.cells, given.rounds, given.many)
    for way, row in found["races"].items():
        spread = f"({row['lowest']} to {row['highest']})"
        print(f"{way:52} {row['cells_per_second']:>9,} cells/s {row['ratio']:>5} {spread}")
    for key in ("listing", "listing of many"):
        for way, rate in found[key].items():
            print(f"{key}: {way:40} {rate:>9,} files/s")
    for cells, row in found["memory"].items():
        print(f"import of {cells:,} cells x 4 channels: {row}")


if __name__ == "__main__":
    main()
