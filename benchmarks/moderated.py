"""Borrowed spread of replicates against Welch: width, coverage, power and false rejections on drawn studies.

    python -m benchmarks.moderated [--studies 300] [--null 2000] [--write docs/measured/MODERATED.md]

Score-level studies: nine inducer groups at three time points each with mixed fates, planned as Zhu et al. 2021
counted them, or groups without any difference; every cell gets scores from the plain model of `benchmarks/ratios.py`,
each sample a light of its own (0.25 on the log odds), and shares are corrected (PACC) with held-out cells that are
drawn anew for each study, three samples of 667 per class and time point. Replicates differ by a normal deviate on the
log shares: 0.18, or 0.18 times a lognormal factor of each group (0.4 or 0.8), or of each group at each time point.
Told are: 95 % intervals of group means (width, how many hold the planned mean, and how many of the most variable
group do), pairs of groups that truly differ by more than 20 points and are found (Holm within fate and time), false
signs, and fate and time points without any difference at which some pair is "different". Studies drawn as images,
through the shipped model: `benchmarks/truth.py`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.ratios import CLASSES, scored
from nscweb.core.rules import ALPHA
from nscweb.evaluation.groups.group_errors import VARIANCES, GroupErrors, group_errors
from nscweb.evaluation.groups.means import group_means, replicate_rows
from nscweb.evaluation.groups.p_values import adjusted
from nscweb.evaluation.groups.pair_tests import group_tests
from nscweb.evaluation.groups.shared_error import shared_error
from nscweb.evaluation.groups.spread import anova_table
from nscweb.evaluation.ratios.cell_scores import CellScores
from nscweb.evaluation.ratios.corrected import estimate
from nscweb.evaluation.ratios.estimates import Estimates
from nscweb.evaluation.scores.held_out import HeldOut
from nscweb.evaluation.scores.intervals import wilson
from nscweb.simulation.design import GROUPS, plan_study

# How far each class lies from the others, as in `benchmarks/ratios.py`, with 48 and 120 h between and beyond.
APART = {
    12.0: (1.0, 1.45, 1.1),
    24.0: (1.45, 1.95, 1.6),
    48.0: (1.95, 2.45, 2.2),
    72.0: (2.4, 2.9, 2.8),
    120.0: (2.5, 3.0, 2.9),
}
LIGHT, SPREAD, CELLS, HELD_OUT = 0.25, 0.18, 150, 667
DAYS, ONE = (24.0, 72.0, 120.0), (24.0,)


@dataclass(frozen=True)
class Sample:
    """What is drawn: ratios are true shares of the fates."""

    group: str
    time_h: float
    replicate: int
    ratios: tuple[float, ...]


@dataclass(frozen=True)
class Study:
    """Samples; (group, hours) -> planned shares; (group, hours) -> how much its replicates vary."""

    samples: list[Sample]
    planned: dict[tuple[str, float], np.ndarray]
    spread: dict[tuple[str, float], float]


def demo_like(rng: np.random.Generator, replicates: int = 3) -> Study:
    """Nine groups at three time points each, as Zhu et al. 2021 counted them, with other replicates each time."""
    design = plan_study(CELLS * 27 * replicates, int(rng.integers(1 << 31)), replicates=replicates)
    samples = [Sample(item.group, item.time_h, item.replicate, item.ratios) for item in design.samples]
    return Study(samples, planned_shares(), {})


def planned_shares() -> dict[tuple[str, float], np.ndarray]:
    """(group, hours) -> shares that a simulated study is planned with."""
    planned = {}
    for group in GROUPS:
        for hours, percent in group.percent.items():
            share = np.array(group.rest) * (1 - percent / 100)
            share[group.fate] = percent / 100
            planned[(group.name, float(hours))] = share
    return planned


def equal_groups(
    rng: np.random.Generator,
    *,
    groups: int = 8,
    times: tuple[float, ...] = DAYS,
    uneven: float = 0.0,
    each_time: bool = False,
    replicates: Callable[[int], int] = lambda _: 3,
) -> Study:
    """Groups of the same planned shares, drawn anew for each study and at least 4 % each."""
    shares = np.maximum(rng.dirichlet((2, 2, 2)), 0.04)
    shares /= shares.sum()
    samples, spread = [], {}
    for number in range(groups):
        name, own = f"g{number}", SPREAD * np.exp(rng.normal(0, uneven))
        for hours in times:
            own = SPREAD * np.exp(rng.normal(0, uneven)) if each_time else own
            spread[(name, hours)] = float(own)
            for replicate in range(replicates(number)):
                odds = np.exp(np.log(shares) + rng.normal(0, own, 3))
                samples.append(Sample(name, hours, replicate, tuple((odds / odds.sum()).tolist())))
    return Study(samples, dict.fromkeys(spread, shares), spread)


def two_to_four(number: int) -> int:
    """Replicates of a group by its number."""
    return 2 + number % 3


def estimated(rng: np.random.Generator, study: Study) -> Estimates:
    """Corrected shares of a study."""
    samples = sorted(study.samples, key=lambda item: (item.group, item.time_h, item.replicate))
    drawn, label, place = [], [], []
    for number, item in enumerate(samples):
        own = rng.choice(3, CELLS, p=np.asarray(item.ratios) / sum(item.ratios))
        drawn.append(scored(rng, own, APART[item.time_h], rng.normal(0, LIGHT, 3)))
        label.append(own)
        place.append(np.full(CELLS, number))
    scores, labels, where = (np.concatenate(part) for part in (drawn, label, place))
    cells = CellScores(
        scores,
        scores.argmax(axis=1),
        where,
        np.zeros(len(where), np.int64),
        labels,
        tuple(f"s{number:04d}" for number in range(len(samples))),
        tuple(item.group for item in samples),
        tuple(str(item.replicate) for item in samples),
        np.array([item.time_h for item in samples]),
        CLASSES,
    )
    return estimate(cells, _held_out(rng, sorted({item.time_h for item in samples})), seed=int(rng.integers(1 << 31)))


def _held_out(rng: np.random.Generator, times: list[float]) -> HeldOut:
    parts = []
    for hours in times:
        for label in range(3):
            for _ in range(3):
                own = np.full(HELD_OUT, label)
                one = scored(rng, own, APART[hours], rng.normal(0, LIGHT, 3))
                parts.append((one, own, np.full(HELD_OUT, len(parts)), np.full(HELD_OUT, hours)))
    joined = [np.concatenate(part) for part in zip(*parts, strict=True)]
    return HeldOut(joined[0], joined[1], joined[2], joined[3], CLASSES, simulated=True)


def judged(study: Study, rows: pd.DataFrame, errors: GroupErrors) -> dict[str, np.ndarray]:
    """What is counted of one study, see `told`."""
    means = group_means(rows, errors)
    truth = _planned(study, means, "group")
    inside = ((means["low"] <= truth + 1e-9) & (truth - 1e-9 <= means["high"])).to_numpy(bool)
    known_width = means["low"].notna().to_numpy(bool)
    tests = group_tests(rows, errors=errors)
    p = np.full(len(tests), np.nan)
    for places in tests.groupby(["class", "time_h"]).indices.values():
        p[places] = adjusted(tests["p"].to_numpy(float)[places], "holm")
    gap = _planned(study, tests, "group") - _planned(study, tests, "control")
    rejected = np.nan_to_num(p, nan=1.0) < ALPHA
    differ = np.abs(gap) > 1e-9
    held = (tests["low"] <= gap + 1e-9) & (gap - 1e-9 <= tests["high"])
    found = {
        "inside": inside[known_width],
        "width": (means["high"] - means["low"]).to_numpy(float)[known_width],
        "found": rejected[np.abs(gap) > 0.2],
        "wrong": (rejected & differ & (np.sign(tests["difference"]) != np.sign(gap))).to_numpy(bool),
        "difference": held[tests["low"].notna()].to_numpy(bool),
    }
    if not differ.any():
        panel = tests.groupby(["class", "time_h"]).ngroup().to_numpy()
        found["false"] = np.bincount(panel, rejected) > 0
        found["anova"] = anova_table(rows, errors=errors)["p"].to_numpy(float) < ALPHA
    if len(set(study.spread.values())) > 1:
        most = max(study.spread.values())
        here = [study.spread[key] == most for key in zip(means["group"], means["time_h"], strict=True)]
        found["most"] = inside[np.array(here) & known_width]
    return found


def _planned(study: Study, table: pd.DataFrame, who: str) -> np.ndarray:
    """The planned share of the group in a column, for each row."""
    keys = zip(table[who], table["time_h"], table["class"], strict=True)
    return np.array([study.planned[(group, hours)][CLASSES.index(name)] for group, hours, name in keys])


def told(name: str, studies: Iterator[Study], rng: np.random.Generator) -> Iterator[tuple[str, ...]]:
    """A line per way for one kind of study."""
    every: dict[str, dict[str, list[np.ndarray]]] = {way: {} for way in VARIANCES}
    number = 0
    for study in studies:
        number += 1
        found = estimated(rng, study)
        rows, shared = replicate_rows(found), shared_error(found)
        for way, kept in every.items():
            for key, values in judged(study, rows, group_errors(rows, shared, way)).items():
                kept.setdefault(key, []).append(values)
    for way in ("own", "moderated"):
        values = {key: np.concatenate(parts) for key, parts in every[way].items()}
        yield (
            name,
            f"{number:,}",
            way,
            f"{100 * values['width'].mean():.1f}",
            _share(every[way], "inside"),
            _share(every[way], "most"),
            _share(every[way], "difference"),
            _share(every[way], "found"),
            f"{int(values['wrong'].sum())}",
            _share(every[way], "false"),
            _share(every[way], "anova"),
        )


def _share(parts: dict[str, list[np.ndarray]], key: str) -> str:
    """Per cent with 1.96 standard errors over studies: numbers of one study hang together."""
    each = np.array([part.mean() for part in parts.get(key, []) if len(part)])
    if not len(each):
        return ""
    if len(each) < 3:
        return f"{100 * each.mean():.1f}"
    error = 196 * each.std(ddof=1) / np.sqrt(len(each))
    if error == 0:
        return "[{:.1f}, {:.1f}]".format(*(100 * float(end) for end in wilson(each.sum(), float(len(each)))))
    return f"{100 * each.mean():.1f} ± {error:.1f}"


MARK, END = "<!-- moderated -->", "<!-- /moderated -->"
HEADER = (
    "design",
    "studies",
    "spread",
    "width, points",
    "holds the mean, %",
    "the same, most variable group, %",
    "holds the difference, %",
    "finds over 20 points, %",
    "wrong signs",
    "any false pair, %",
    "ANOVA p < 0.05, %",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=300)
    parser.add_argument("--null", type=int, default=2000)
    parser.add_argument("--few", type=int, default=400, help="studies of each of the further designs")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", type=Path)
    asked = parser.parse_args()
    rng = np.random.default_rng(asked.seed)
    few = asked.few
    kinds: list[tuple[str, int, Callable[[], Study]]] = [
        ("nine groups, three times", asked.studies, lambda: demo_like(rng)),
        ("the same, 4 replicates", few // 4, lambda: demo_like(rng, 4)),
        ("8 equal groups, 3 times", asked.null, lambda: equal_groups(rng)),
        ("the same, spreads uneven (0.4)", few, lambda: equal_groups(rng, uneven=0.4)),
        ("the same, spreads uneven (0.8)", asked.null, lambda: equal_groups(rng, uneven=0.8)),
        ("the same, at each time anew", few, lambda: equal_groups(rng, uneven=0.8, each_time=True)),
        ("8 equal groups, one time", few, lambda: equal_groups(rng, times=ONE)),
        ("the same, uneven (0.8)", asked.null, lambda: equal_groups(rng, uneven=0.8, times=ONE)),
        ("3 equal groups, uneven, one time", few, lambda: equal_groups(rng, groups=3, uneven=0.8, times=ONE)),
        ("8 equal, 2 replicates", few, lambda: equal_groups(rng, replicates=lambda _: 2)),
        ("the same, uneven (0.8)", few, lambda: equal_groups(rng, uneven=0.8, replicates=lambda _: 2)),
        ("8 equal, 2 to 4 replicates, uneven", few, lambda: equal_groups(rng, uneven=0.8, replicates=two_to_four)),
    ]
    lines = []
    for name, number, draw in kinds:
        for line in told(name, (draw() for _ in range(number)), rng):
            print(" | ".join(line), flush=True)
            lines.append(line)
    if asked.write:
        text = asked.write.read_text("utf-8")
        start, end = text.index(MARK) + len(MARK), text.index(END)
        rows = [HEADER, ("---",) * len(HEADER), *lines]
        table = "\n".join("| " + " | ".join(row) + " |" for row in rows)
        asked.write.write_text(f"{text[:start]}\n{table}\n{text[end:]}", "utf-8")


if __name__ == "__main__":
    main()
