"""The map of 20,000 cells: vectors, layout, and the answer to a lasso.

    python benchmarks/cell_map.py [--quick] [--cells 20000] [--vectors model] [--threads 2]

A simulated study is imported into a data folder of its own. Wall time and processor time stand side by side, because
other work on the machine slows the first; the processor time of a job divided by the cores that it keeps busy is what
it takes on an idle machine. Limits: the job within 60 s on two idle cores, a lasso within 1 s.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from nscweb.core.progress import never_cancelled, no_progress
from nscweb.services.context import open_app
from nscweb.services.maps.chosen import shown_cells
from nscweb.services.maps.layout import lay_out
from nscweb.services.maps.map import MapRequest, make_map, read_map
from nscweb.services.maps.points import chosen_in, points_of
from nscweb.services.maps.vectors import make_vectors, source_of
from nscweb.services.study.import_request import ImportRequest
from nscweb.services.study.simulate import simulate
from nscweb.services.study.study_import import import_study
from nscweb.settings import Settings

JOB_SECONDS, LASSO_SECONDS = 60.0, 1.0


class Stopwatch:
    """Wall and processor seconds of named steps."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, float, float]] = []

    def time(self, name: str, work: Callable[[], Any]) -> Any:
        wall, used = time.perf_counter(), time.process_time()
        found = work()
        self.rows.append((name, time.perf_counter() - wall, time.process_time() - used))
        print(f"{name:34s} {self.rows[-1][1]:8.2f} s wall {self.rows[-1][2]:8.2f} s processor", flush=True)
        return found


def main() -> int:
    """Measure, print, and return 1 where a limit is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=20_000)
    parser.add_argument("--vectors", default="model")
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--quick", action="store_true", help="2,000 cells")
    asked = parser.parse_args()
    cells = 2_000 if asked.quick else asked.cells
    threads = asked.threads
    watch = Stopwatch()
    with tempfile.TemporaryDirectory(prefix="nscweb-map-") as folder:
        app = open_app(Settings.from_environment({"NSCWEB_THREADS": str(threads)}, Path(folder) / "data"))
        simulate(Path(folder) / "cells.zip", cells=cells, seed=0, channels=("Ch1",))
        import_study(app, ImportRequest((Path(folder) / "cells.zip",), "map"))
        study = app.catalogue.study("map")
        source = source_of(app, study, asked.vectors)
        features = source_of(app, study, "features")
        watch.time("widest directions of features", lambda: read_map(app, study.study_id, features))
        watch.time("vectors", lambda: make_vectors(app, study, source, no_progress, never_cancelled))
        made = watch.time("widest directions of the vectors", lambda: read_map(app, study.study_id, source))
        watch.time(
            "t-SNE alone",
            lambda: lay_out(made.vectors, seed=0, threads=threads, progress=no_progress, cancel=never_cancelled),
        )
        found = watch.time("job after the vectors", lambda: make_map(app, MapRequest("map", asked.vectors)))
        points = watch.time("joined with what is known", lambda: points_of(app, found, None))
        places = points.places("tsne")
        turn = np.linspace(0, 2 * np.pi, 200)
        lasso = {"lasso": [{"x": (20 * np.cos(turn)).tolist(), "y": (20 * np.sin(turn)).tolist()}]}

        def answer() -> int:
            chosen = chosen_in(places, lasso)
            shown_cells(app, points, chosen[:24].tolist())
            return len(chosen)

        chosen = watch.time("lasso of 200 corners and 24 cells", answer)
    said = {name: (wall, used) for name, wall, used in watch.rows}
    processor = said["vectors"][1] + said["job after the vectors"][1]
    print(f"\n{cells:,} cells, {chosen:,} in the lasso; job: {processor:.1f} s of processor, threads: {threads}")
    broken = processor / threads > JOB_SECONDS or said["lasso of 200 corners and 24 cells"][1] > LASSO_SECONDS
    return int(broken)


if __name__ == "__main__":
    sys.exit(main())
