"""A small simulated study put straight into a data folder, for tests that need cells and not their import."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

import numpy as np
import pandas as pd

from nscweb.core.cells import CellImage
from nscweb.core.samples import Sample, Study
from nscweb.preprocess.cell_quality import measure, quality_flags
from nscweb.services.context import App
from nscweb.simulation.labelled_cells import iter_labelled_cells
from nscweb.simulation.traits import FATES
from nscweb.store.cell_files import CellWriter


def add_study(
    app: App, name: str, samples: Iterable[tuple[Sample, list[np.ndarray]]], *, simulated: bool = True
) -> Study:
    """Store samples with their (C, h, w) cells as an import would; channel ``Ch1`` is brightfield."""
    study_id = app.catalogue.create_study(
        name, app.clock(), channel="Ch1", channels=["Ch1"], simulated=simulated, pixel_size_um=None
    )
    for sample, images in samples:
        known = replace(sample, cells=len(images))
        key = app.catalogue.add_samples(study_id, [known])[0]
        with CellWriter(app.folder.cells_path(study_id, key), ["Ch1"]) as writer:
            for number, pixels in enumerate(images, start=1):
                writer.add(CellImage(number, ("Ch1",), pixels, f"{sample.name}_{number}_Ch1.ome.tif"))
        features = pd.DataFrame([measure(pixels[0])._asdict() for pixels in images])
        features["flags"] = np.asarray(quality_flags(features), np.int64)
        path = app.folder.quality_path(study_id, key)
        path.parent.mkdir(parents=True, exist_ok=True)
        features.to_parquet(path)
    return app.catalogue.study(study_id)


def simulated_study(
    app: App,
    name: str = "Small (simulated)",
    *,
    cells: int = 240,
    seed: int = 1,
    truth: bool = True,
    replicates: int = 2,
    only: Collection[str] = (),
) -> Study:
    """Two time points, two replicates, three fates: twelve samples of pure fate, unless told otherwise.

    With `only`, the samples of these names and no others.
    """
    found: dict[str, tuple[Sample, list[np.ndarray]]] = {}
    for cell in iter_labelled_cells(seed, cells, times_h=(24.0, 120.0), replicates=replicates):
        if only and cell.sample not in only:
            continue
        fate = FATES[cell.fate]
        sample = Sample(
            cell.sample,
            group=f"{fate} medium",
            time_h=cell.time_h,
            replicate=str(cell.replicate),
            true_class=fate if truth else "",
        )
        found.setdefault(cell.sample, (sample, []))[1].append(cell.pixels)
    return add_study(app, name, found.values())
