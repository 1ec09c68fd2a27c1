"""The files of a run with 500,000 predicted cells, each against what a first script writes with pandas.

    python benchmarks/exports.py [--quick] [--cells 500000]

The run is drawn: nine groups at five time points in three replicates. The naive way writes the prediction table alone
(`DataFrame.to_csv`, `DataFrame.to_excel` by openpyxl); ours adds sets of fates, trust lights, flags, gates and what
made each line to the cells, and every table of the comparison to the workbook. So a ratio under 1 means that ours is
slower. Wall time and processor time stand side by side, because other work on the machine slows the first only.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pandas as pd

PROJECT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(PROJECT / "tests")]

from drawn_runs import drawn_held_out, drawn_run, grid  # noqa: E402

from nscweb.services.compare import comparison as comparisons  # noqa: E402
from nscweb.services.compare import ratios  # noqa: E402
from nscweb.services.context import open_app  # noqa: E402
from nscweb.services.report.report import ENDINGS, write_report  # noqa: E402
from nscweb.services.report.scope import ReportRequest  # noqa: E402
from nscweb.settings import Settings  # noqa: E402

TIMES = (12, 24, 48, 72, 120)


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and processor seconds of one call."""
    start, used = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - start, time.process_time() - used


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the cells")
    parser.add_argument("--cells", type=int, default=500_000)
    parser.add_argument("--forms", nargs="*", default=list(ENDINGS))
    asked = parser.parse_args()
    cells = asked.cells // 10 if asked.quick else asked.cells
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(ratios, "held_out_of") as known:
        known.return_value = drawn_held_out(TIMES, cells=6000)
        place = Path(folder)
        app = open_app(Settings.from_environment({"NSCWEB_THREADS": "1"}, place / "data"))
        run = drawn_run(app, "Large (simulated)", grid(9, TIMES, 3), cells=-(-cells // 135))
        table = pd.read_parquet(app.folder.run_dir(run.run_id) / "predictions.parquet")
        print(f"{run.cells:,} cells, {len(table.columns)} columns")
        comparisons.comparison(app, run)
        first = {
            "cells": timed(lambda: table.to_csv(place / "naive.csv", index=False)),
            "xlsx": timed(lambda: table.to_excel(place / "naive.xlsx", index=False)),
        }
        for form in asked.forms:
            out = place / f"ours{ENDINGS[form]}"
            wall, used = timed(lambda form=form, out=out: write_report(app, run, ReportRequest(form=form), out))
            ratio = f"  naive / ours {first[form][1] / used:.2f} (processor)" if form in first else ""
            size = out.stat().st_size / 1e6
            print(f"{form:9s} {wall:7.2f} s wall {used:7.2f} s processor {size:8.1f} MB{ratio}", flush=True)
        for form, (wall, used) in first.items():
            print(f"naive {form:5s} {wall:5.2f} s wall {used:7.2f} s processor")
    return 0


if __name__ == "__main__":
    sys.exit(main())
