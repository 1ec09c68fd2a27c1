"""A small simulated study put straight into a data folder, for tests that need cells and not their import."""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection, Iterable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from ready_folders import ready_folder

from nscweb.core.cells import CellImage
from nscweb.core.samples import Sample, Study
from nscweb.preprocess.cell_quality import measure, quality_flags
from nscweb.services.context import App
from nscweb.simulation.camera import PROFILES
from nscweb.simulation.labelled_cells import iter_labelled_cells
from nscweb.simulation.traits import FATES
from nscweb.store.cell_files import CellWriter


def add_study(
    app: App,
    name: str,
    samples: Iterable[tuple[Sample, list[np.ndarray]]],
    *,
    simulated: bool = True,
    pixel_size_um: float | None = None,
) -> Study:
    """Store samples with their (C, h, w) cells as an import would; channel ``Ch1`` is brightfield."""
    found = list(samples)
    study_id, keys = _listed(
        app, name, [replace(sample, cells=len(images)) for sample, images in found], simulated, pixel_size_um
    )
    for key, (sample, images) in zip(keys, found, strict=True):
        _write_cells(app.folder.cells_path(study_id, key), app.folder.quality_path(study_id, key), sample.name, images)
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
    draw = partial(_draw, seed=seed, cells=cells, replicates=replicates, only=only)
    drawn = ready_folder(draw, "study", seed, cells, replicates, *sorted(only))
    samples = [Sample(**values) for values in json.loads((drawn / "samples.json").read_text("utf-8"))]
    if not truth:
        samples = [replace(sample, true_class="") for sample in samples]
    study_id, keys = _listed(app, name, samples, True, PROFILES["flowsight"].pixel_size_um)
    for key in keys:
        _copy(drawn / f"{key}.arrow", app.folder.cells_path(study_id, key))
        _copy(drawn / f"{key}.parquet", app.folder.quality_path(study_id, key))
    return app.catalogue.study(study_id)


def _draw(folder: Path, *, seed: int, cells: int, replicates: int, only: Collection[str]) -> None:
    """The samples of a simulated study and the files of each, under the keys that a catalogue will give them."""
    found: dict[str, tuple[Sample, list[np.ndarray]]] = {}
    for cell in iter_labelled_cells(seed, cells, times_h=(24.0, 120.0), replicates=replicates):
        if only and cell.sample not in only:
            continue
        fate = FATES[cell.fate]
        sample = Sample(
            cell.sample, group=f"{fate} medium", time_h=cell.time_h, replicate=str(cell.replicate), true_class=fate
        )
        found.setdefault(cell.sample, (sample, []))[1].append(cell.pixels)
    samples = [replace(sample, cells=len(images)) for sample, images in found.values()]
    (folder / "samples.json").write_text(json.dumps([asdict(sample) for sample in samples]), "utf-8")
    for number, (sample, images) in enumerate(found.values(), start=1):
        key = f"c{number:06d}"
        _write_cells(folder / f"{key}.arrow", folder / f"{key}.parquet", sample.name, images)


def _listed(
    app: App, name: str, samples: list[Sample], simulated: bool, pixel_size_um: float | None
) -> tuple[str, list[str]]:
    study_id = app.catalogue.create_study(
        name, app.clock(), channel="Ch1", channels=["Ch1"], simulated=simulated, pixel_size_um=pixel_size_um
    )
    return study_id, app.catalogue.add_samples(study_id, samples)


def _write_cells(cells: Path, quality: Path, sample: str, images: list[np.ndarray]) -> None:
    with CellWriter(cells, ["Ch1"]) as writer:
        for number, pixels in enumerate(images, start=1):
            writer.add(CellImage(number, ("Ch1",), pixels, f"{sample}_{number}_Ch1.ome.tif"))
    features = pd.DataFrame([measure(pixels[0])._asdict() for pixels in images])
    features["flags"] = np.asarray(quality_flags(features), np.int64)
    quality.parent.mkdir(parents=True, exist_ok=True)
    features.to_parquet(quality)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
