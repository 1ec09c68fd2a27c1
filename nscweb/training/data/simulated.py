"""Simulated training cells straight into memory: the data of the shipped weights."""

from __future__ import annotations

from collections.abc import Iterator

from nscweb.core.classes import ClassScheme
from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress
from nscweb.core.recipe import InputRecipe
from nscweb.simulation.camera import PROFILES
from nscweb.simulation.labelled_cells import TIMES_H, iter_labelled_cells
from nscweb.simulation.traits import FATES
from nscweb.training.data.dataset import LabelledCell, SampleLabel, TrainingData, collect

RECIPE = InputRecipe(field_px=(48, 48), resize=(48, 48))


def simulated_data(
    cells: int,
    seed: int,
    recipe: InputRecipe = RECIPE,
    *,
    progress: Progress = no_progress,
    cancel: CancelAsked = never_cancelled,
) -> TrainingData:
    """`cells` simulated single cells, spread evenly over fates, time points and replicates.

    Raises:
        JobCancelled: somebody asked to stop.
    """
    return collect(
        _labelled(cells, seed),
        ClassScheme(tuple(FATES)),
        recipe,
        simulated=True,
        description=f"{cells:,} simulated single cells of {len(FATES)} fates at {len(TIMES_H)} time points.",
        licence="Apache-2.0",
        total=cells,
        pixel_size_um=PROFILES["flowsight"].pixel_size_um,
        progress=progress,
        cancel=cancel,
    )


def _labelled(cells: int, seed: int) -> Iterator[LabelledCell]:
    for cell in iter_labelled_cells(seed, cells):
        label = SampleLabel(cell.sample, "simulated", cell.time_h, str(cell.replicate))
        yield LabelledCell(label, cell.fate, cell.pixels)
