"""The first comparison of a run with nothing in memory: from its sums per sample, and from its cells as up to 0.4.0.

    python benchmarks/first_comparison.py [--quick] [--cells 4000] [--rounds 7]

A drawn run of nine groups at five time points in three replicates: 135 samples of 4,000 cells. Both ways run in
turn in one process, after everything that is kept was forgotten; the prediction table is in the cache of the disk for
both. Each round compares all groups by mean scores (PACC), with tests and sentences. The answers must be equal.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd

PROJECT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(PROJECT / "tests")]

from drawn_runs import drawn_held_out, drawn_run, grid  # noqa: E402

from nscweb.core.flags import LEFT_OUT  # noqa: E402
from nscweb.core.run_record import Run  # noqa: E402
from nscweb.evaluation.ratios.sample_sums import SampleSums, sample_sums  # noqa: E402
from nscweb.services.compare import ratios  # noqa: E402
from nscweb.services.compare.comparison import comparison  # noqa: E402
from nscweb.services.compare.result import Comparison  # noqa: E402
from nscweb.services.context import App, open_app  # noqa: E402
from nscweb.services.kept import clear_all  # noqa: E402
from nscweb.services.predict import run_sums  # noqa: E402
from nscweb.services.predict.run_cells import run_cells  # noqa: E402
from nscweb.settings import Settings  # noqa: E402

TIMES = (12, 24, 48, 72, 120)


def from_cells(app: App, run: Run, *, bins: bool) -> SampleSums:
    """What the file of sums stands for, counted anew."""
    return sample_sums(run_cells(app, run), LEFT_OUT, bins=bins)


def looked(app: App, run: Run, *, cells: bool) -> tuple[Comparison, float, float]:
    """A first comparison, its wall and its processor seconds."""
    clear_all()
    way = mock.patch.object(run_sums, "_stored", from_cells) if cells else nullcontext()
    with way:
        start, used = time.perf_counter(), time.process_time()
        found = comparison(app, run)
        return found, time.perf_counter() - start, time.process_time() - used


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the cells, three rounds")
    parser.add_argument("--cells", type=int, default=4000, help="per sample")
    parser.add_argument("--rounds", type=int, default=7)
    asked = parser.parse_args()
    cells, rounds = (asked.cells // 10, 3) if asked.quick else (asked.cells, asked.rounds)
    seconds: dict[str, list[tuple[float, float]]] = {"from cells": [], "from sums": []}
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(ratios, "held_out_of") as known:
        known.return_value = drawn_held_out(TIMES, cells=6000)
        app = open_app(Settings.from_environment({"NSCWEB_THREADS": "1"}, Path(folder)))
        run = drawn_run(app, "Large (simulated)", grid(9, TIMES, 3), cells=cells)
        start, used = time.perf_counter(), time.process_time()
        run_sums.make_sums(app, run)
        made = time.perf_counter() - start, time.process_time() - used
        size = (app.folder.run_dir(run.run_id) / run_sums.SUMS).stat().st_size
        comparison(app, run)  # imports
        for _ in range(rounds):
            one, *took = looked(app, run, cells=True)
            seconds["from cells"].append((took[0], took[1]))
            two, *took = looked(app, run, cells=False)
            seconds["from sums"].append((took[0], took[1]))
            pd.testing.assert_frame_equal(one.groups, two.groups, check_exact=True)
            pd.testing.assert_frame_equal(one.tests, two.tests, check_exact=True)
            assert one.sentences == two.sentences and one.data.dropped == two.data.dropped
    print(f"{run.cells:,} cells; at the end of a prediction sums take {made[1]:.2f} s processor, {size / 1e3:.0f} kB")
    for name, values in seconds.items():
        for what, column in (("wall", 0), ("processor", 1)):
            low, middle, high = np.percentile([value[column] for value in values], (25, 50, 75))
            print(f"{name:10s} {what:9s} {middle:6.3f} s (quartiles {low:.3f} to {high:.3f})")
    for what, column in (("wall", 0), ("processor", 1)):
        pairs = zip(seconds["from cells"], seconds["from sums"], strict=True)
        shares = [before[column] / after[column] for before, after in pairs]
        low, middle, high = np.percentile(shares, (25, 50, 75))
        print(f"from cells / from sums, {what}: {middle:.1f} (quartiles {low:.1f} to {high:.1f})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
