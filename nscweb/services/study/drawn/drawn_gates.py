"""Gates in two dimensions: drawn over two numbers of a cell, kept with the gates of a study, named as populations.

A drawn gate is a `core.gates.Region` in `core.gates.Gates`. Whatever it does to the statistics, the cells inside it
are a population of its name, so that all that populations can do holds for it: colour, gate, true class, export.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nscweb.core.errors import WrongUse
from nscweb.core.gates import Gates, Region
from nscweb.core.samples import Study
from nscweb.services.study.drawn.axes import axes_of, axis_of, axis_values
from nscweb.services.study.populations import (
    classes_of_populations,
    forget_population,
    keep_population,
    made_populations,
    population_table,
)

if TYPE_CHECKING:
    from nscweb.services.context import App


def inside_region(app: App, study_id: str, key: str, cells: int, region: Region) -> NDArray[np.bool_]:
    """(cells,) whether the cells of a sample lie inside a region; cells without these numbers do not."""
    values = axis_values(app, study_id, key, cells, (region.x, region.y))
    return region.holds(values[:, 0], values[:, 1])


def drawn_out(app: App, study_id: str, key: str, cells: int, gates: Gates) -> NDArray[np.bool_] | None:
    """(cells,) whether a drawn gate leaves a cell of a sample out; None where no drawn gate is in force.

    A cell without one of the numbers, such as those of a file that did not come with its sample, is left out by no
    drawn gate.
    """
    if not gates.on("drawn"):
        return None
    out = np.zeros(cells, bool)
    for region in gates.regions_in_force:
        values = axis_values(app, study_id, key, cells, (region.x, region.y))
        known = np.isfinite(values).all(axis=1)
        held = region.holds(values[:, 0], values[:, 1])
        out |= known & (~held if region.use == "inside" else held)
    return out


def check_regions(app: App, study: Study, gates: Gates, before: Iterable[Region]) -> None:
    """Refuse drawn gates over numbers that a study does not have, with a name that is taken, or that are still needed.

    Args:
        gates: as they are to be.
        before: the drawn gates that the study has now.

    Raises:
        WrongUse: says which.
    """
    names = {region.name for region in gates.regions}
    for name in sorted({region.name for region in before} - names):
        if name in gates.populations:
            raise WrongUse(
                f"The gates of the study keep only cells of {', '.join(gates.populations)}.",
                f"Take {name} out of them on the page Study, Gates, first.",
                "E-POPULATION-IN-USE",
            )
        if name in classes_of_populations(app, study.study_id):
            raise WrongUse(
                f"The population {name} stands for a true class.", "Say on the page Study that it stands for none."
            )
    if not gates.regions:
        return
    axes = {item.name for item in axes_of(app, study.study_id)}
    drawn = {name for name, said in made_populations(app, study.study_id).items() if said.get("drawn")}
    taken = set(population_table(app, study.study_id)["population"]) - drawn
    for region in gates.regions:
        for axis in (region.x, region.y):
            if axis not in axes:
                raise WrongUse(
                    f"The drawn gate {region.name} looks at {axis!r}, which the cells of {study.name} do not have.",
                    f"They have: {', '.join(sorted(axes))}.",
                )
        if region.name in taken:
            raise WrongUse(
                f"{study.name} has a population {region.name} already.",
                "Give the drawn gate another name.",
                "E-POPULATION-TAKEN",
            )


def tag_regions(app: App, study: Study, regions: Iterable[Region], before: Iterable[Region]) -> None:
    """Make the cells inside each region a population of its name, and forget those of regions that are gone.

    Args:
        before: the regions that the study had until now.
    """
    wanted = {region.name: region for region in regions}
    made = made_populations(app, study.study_id)
    for region in before:
        if region.name not in wanted and region.name in made:
            forget_population(app, study.study_id, region.name)
    keys = app.catalogue.sample_keys(study.study_id)
    for region in wanted.values():
        cells = {
            sample.name: np.flatnonzero(
                inside_region(app, study.study_id, keys[sample.name], sample.cells, region)
            ).tolist()
            for sample in study.samples
            if sample.cells
        }
        how = f"drawn over {axis_of(region.x).label} and {axis_of(region.y).label}"
        keep_population(app, study.study_id, region.name, cells, how, again=True, drawn=True)
