"""The plan of a simulated study: inducer groups, time points, replicates and their true fate ratios."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nscweb.simulation.traits import FATES

_Row = tuple[str, str, float, int, tuple[float, float, float]]


@dataclass(frozen=True)
class InducerGroup:
    """An inducer group with the fate it favours.

    Attributes:
        name: as on the sample sheet.
        fate: index in `FATES` of the fate whose percentage is given.
        percent: hours -> percentage of cells of that fate. The values are the immunofluorescence counts of
            Zhu et al. 2021 (NeuN, GFAP and Olig2 positive cells by group and day).
        rest: shares of the remaining cells over all fates; the favoured one has 0.
    """

    name: str
    fate: int
    percent: dict[float, float]
    rest: tuple[float, float, float]


_NEURONAL_REST = (0.6, 0.4, 0.0)
GROUPS: tuple[InducerGroup, ...] = (
    InducerGroup("RA+SHH", 2, {24: 55.827, 72: 67.427, 120: 82.073}, _NEURONAL_REST),
    InducerGroup("NT3", 2, {24: 20.997, 72: 55.293, 120: 75.407}, _NEURONAL_REST),
    InducerGroup("LDH-NT3", 2, {24: 48.73, 72: 60.06, 120: 68.823}, _NEURONAL_REST),
    InducerGroup("NT4", 2, {24: 10.4333, 72: 29.2333, 120: 71.3333}, _NEURONAL_REST),
    InducerGroup("NGF", 2, {24: 33.0333, 72: 33.4667, 120: 82.6333}, _NEURONAL_REST),
    InducerGroup("MT", 2, {24: 35.6333, 72: 55.7667, 120: 79.2667}, _NEURONAL_REST),
    InducerGroup("CNTF", 2, {24: 25.3667, 72: 34.23, 120: 78.3333}, (0.7, 0.3, 0.0)),
    InducerGroup("astrocyte medium", 0, {12: 83.357, 24: 83.813, 48: 88.78}, (0.0, 0.5, 0.5)),
    InducerGroup("oligodendrocyte medium", 1, {24: 52.968, 48: 55.472, 72: 63.622}, (0.7, 0.0, 0.3)),
)
# Out of focus by so much, edges of a cell of 10 px are gone and its size is left.
BLUR_PX = 2.0
GROUP_NAMES: tuple[str, ...] = tuple(group.name for group in GROUPS)


@dataclass(frozen=True)
class SimulatedSample:
    """One acquisition of a simulated study.

    Attributes:
        name: folder in the zip, e.g. ``NT3_1d_rep2``.
        group, time_h, replicate: what the sample sheet says.
        ratios: true shares of the fates in this replicate, in the order of `FATES`, summing to 1.
        cells: number of images.
        index: position in the study; together with the seed it decides every random number.
        blur_px: standard deviation of a blur over all its images, for a recording out of focus; 0 for none.
    """

    name: str
    group: str
    time_h: float
    replicate: int
    ratios: tuple[float, float, float]
    cells: int
    index: int
    blur_px: float = 0.0


@dataclass(frozen=True)
class StudyDesign:
    """A plan that the same seed makes again."""

    seed: int
    samples: tuple[SimulatedSample, ...]

    @property
    def cells(self) -> int:
        return sum(sample.cells for sample in self.samples)


def plan_study(
    cells: int,
    seed: int,
    *,
    replicates: int = 3,
    groups: Sequence[str] | None = None,
    replicate_sd: float = 0.18,
    pure: bool = False,
    out_of_focus: Sequence[str] = (),
) -> StudyDesign:
    """A study of `cells` images, spread evenly over its samples.

    Replicates differ from their group by a normal deviate of `replicate_sd` on the log-ratio scale, so that
    the replicate is the unit of variation. With `pure` every sample holds one fate, five time points each.
    Samples named in `out_of_focus` are recorded out of focus.

    Raises:
        ValueError: fewer cells than samples, or an unknown group.
    """
    rng = np.random.default_rng([seed, 1])
    rows = _pure_rows(replicates) if pure else _group_rows(groups, replicates, rng, replicate_sd)
    if cells < len(rows):
        raise ValueError(f"a study with {len(rows)} samples needs at least {len(rows)} cells, got {cells}")
    share, more = divmod(cells, len(rows))
    samples = [
        SimulatedSample(name, group, time_h, replicate, ratios, share + (i < more), i, BLUR_PX * (name in out_of_focus))
        for i, (name, group, time_h, replicate, ratios) in enumerate(rows)
    ]
    return StudyDesign(seed, tuple(samples))


def _group_rows(
    groups: Sequence[str] | None, replicates: int, rng: np.random.Generator, replicate_sd: float
) -> list[_Row]:
    unknown = sorted(set(groups or ()) - set(GROUP_NAMES))
    if unknown:
        raise ValueError(f"unknown inducer groups: {', '.join(unknown)}")
    rows: list[_Row] = []
    for group in GROUPS:
        for time_h, percent in group.percent.items():
            mean = np.array(group.rest) * (1 - percent / 100)
            mean[group.fate] = percent / 100
            for replicate in range(1, replicates + 1):
                ratios = _perturbed(mean, rng, replicate_sd)
                if groups is None or group.name in groups:
                    name = f"{group.name.replace(' ', '-')}_{time_h / 24:g}d_rep{replicate}"
                    rows.append((name, group.name, float(time_h), replicate, ratios))
    return rows


def _perturbed(mean: NDArray[np.float64], rng: np.random.Generator, sd: float) -> tuple[float, float, float]:
    logits = np.log(np.maximum(mean, 0.01)) + rng.normal(0, sd, len(mean))
    shares = np.exp(logits) / np.exp(logits).sum()
    return float(shares[0]), float(shares[1]), float(shares[2])


def _pure_rows(replicates: int) -> list[_Row]:
    rows: list[_Row] = []
    for index, fate in enumerate(FATES):
        ratios = tuple(float(i == index) for i in range(len(FATES)))
        for days in (0.5, 1, 2, 3, 5):
            for replicate in range(1, replicates + 1):
                name = f"{fate}_{days:g}d_rep{replicate}"
                rows.append((name, f"{fate} medium", days * 24.0, replicate, (ratios[0], ratios[1], ratios[2])))
    return rows
