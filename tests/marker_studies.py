"""A small simulated study with brightfield and two stains, single-stained and unstained samples, and known truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from nscweb.core.cells import CellImage
from nscweb.core.samples import Sample, Study
from nscweb.preprocess.cell_quality import measure
from nscweb.services.context import App
from nscweb.store.cell_files import CellWriter

CHANNELS = ("Ch1", "Ch2 GFAP", "Ch11 NeuN")
DARK, BRIGHT, NOISE = 30.0, 400.0, 4.0
_SIDE = 40


def disc() -> np.ndarray:
    """(40, 40) a round cell of 8 pixels radius."""
    y, x = np.mgrid[:_SIDE, :_SIDE]
    return ((y - 20) ** 2 + (x - 20) ** 2 < 64).astype(float)


def marker_study(app: App, name: str = "Stained (simulated)", *, cells: int = 60, spill: float = 0.0) -> Study:
    """Two media of which a tenth of the cells has the other fate, an unstained and two single-stained samples.

    Rows 0, 10, 20... of a medium have the other fate; row 5 is positive in both stains and row 6 in none.

    Args:
        cells: of each sample.
        spill: share of the light of Ch2 that appears in Ch11.
    """
    media = [Sample(f"{fate}_rep{rep}", group=f"{fate} medium", replicate=str(rep), true_class=fate)
             for fate in ("astrocyte", "neuron") for rep in (1, 2)]  # fmt: skip
    controls = [Sample(title, extra=(("Staining", said),)) for title, said in
                (("control_a", "unstained"), ("control_b", "GFAP"), ("control_c", "NeuN only"))]  # fmt: skip
    study_id = app.catalogue.create_study(name, app.clock(), channel="Ch1", channels=list(CHANNELS), simulated=True)
    samples = [replace(sample, cells=cells) for sample in (*media, *controls)]
    keys = app.catalogue.add_samples(study_id, samples)
    rng = np.random.default_rng(4)
    for sample, key in zip(samples, keys, strict=True):
        light = np.array([_light(rng, sample, row) for row in range(cells)])
        light[:, 1] += spill * light[:, 0]
        images = [_image(rng, pair) for pair in light]
        with CellWriter(app.folder.cells_path(study_id, key), CHANNELS) as writer:
            for number, pixels in enumerate(images, start=1):
                writer.add(CellImage(number, CHANNELS, pixels, f"{sample.name}_{number}.tif"))
        features = pd.DataFrame([measure(pixels[0])._asdict() for pixels in images])
        features["flags"] = np.zeros(cells, np.int64)
        path = app.folder.quality_path(study_id, key)
        path.parent.mkdir(parents=True, exist_ok=True)
        features.to_parquet(path)
    return app.catalogue.study(study_id)


def _light(rng: np.random.Generator, sample: Sample, row: int) -> tuple[float, float]:
    """Light of the two stains of a cell above the background."""
    on = BRIGHT * rng.uniform(0.6, 1.6, 2)
    off = rng.uniform(0, 15, 2)
    said = dict(sample.extra).get("Staining", "")
    if said:
        positive = (said == "GFAP" and row % 2 == 0, said.startswith("NeuN") and row % 2 == 0)
    else:
        astrocyte = (sample.true_class == "astrocyte") != (row % 10 == 0)
        positive = {5: (True, True), 6: (False, False)}.get(row, (astrocyte, not astrocyte))
    first, second = (float(on[place] if positive[place] else off[place]) for place in (0, 1))
    return first, second


def _image(rng: np.random.Generator, light: np.ndarray) -> np.ndarray:
    inside = disc()
    bright = 1000 + 300 * inside * rng.uniform(0.9, 1.1) + 60 * inside * rng.standard_normal((_SIDE, _SIDE))
    planes = [bright, DARK + light[0] * inside, DARK + light[1] * inside]
    noisy = [plane + NOISE * rng.standard_normal((_SIDE, _SIDE)) for plane in planes]
    return np.clip(np.rint(noisy), 0, 4095).astype(np.uint16)
