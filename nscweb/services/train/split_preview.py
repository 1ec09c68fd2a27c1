"""What a split would look like and cost before anything is trained: from the catalogue alone, no pixel is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nscweb.core.classes import ClassScheme
from nscweb.core.errors import InputRefused
from nscweb.services.train.class_sources import cells_in, sources_of

if TYPE_CHECKING:
    from nscweb.services.context import App
    from nscweb.training.data.dataset import SampleLabel
    from nscweb.training.splits.grouping import By
    from nscweb.training.splits.plan import Split, SplitPlan

PARTS: tuple[str, ...] = ("training", "decides when to stop", "held out")
_NAMED = 5


@dataclass(frozen=True)
class LabelledCells:
    """Classes and samples of cells as the catalogue knows them, without pixels; see `grouping.Labelled`."""

    labels: NDArray[np.int64]
    sample_of: NDArray[np.int64]
    samples: tuple[SampleLabel, ...]
    classes: ClassScheme
    judges: NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class PartRow:
    """One part of a split.

    Attributes:
        part: one of `PARTS`.
        samples: samples with at least one cell in it.
        cells: cells in it.
        classes: class name -> cells.
        groups: names of the groups (donors, days...) in it; of samples for a split by sample or by cell.
    """

    part: str
    samples: int
    cells: int
    classes: dict[str, int]
    groups: tuple[str, ...]


@dataclass(frozen=True)
class Choice:
    """One way to split.

    Attributes:
        by: what would stay together.
        possible: the data allow it.
        reason: why not, and what to do, or what to expect of it; one or two sentences.
        groups: how many donors, days... there are among the labelled samples; samples without one do not count.
    """

    by: By
    possible: bool
    reason: str
    groups: int


@dataclass(frozen=True)
class SplitPreview:
    """A split that could be made.

    Attributes:
        plan: what was asked for.
        rows: the three parts.
        sentence: as it would stand in the card.
        warnings: what is thin about it.
        cells: cells of all parts; a cell without an image of the channel is counted here and left out of training.
    """

    plan: SplitPlan
    rows: tuple[PartRow, ...]
    sentence: str
    warnings: tuple[str, ...]
    cells: int


def labelled_cells(app: App, studies: Sequence[str], labels: Sequence[str] = ()) -> LabelledCells:
    """Every cell of known class of some studies (names or ids), as training would read them.

    Args:
        labels: see `LearnRequest`.

    Raises:
        StudyNotFound: no such study.
        WrongUse: fewer than two true classes.
    """
    from nscweb.training.data.dataset import classes_of

    found = [app.catalogue.study(name) for name in studies]
    made = [(study, sources_of(app, study, labels=labels)) for study in found]
    sources = [source for _, own in made for source in own]
    classes = classes_of(sources)
    counts = [number for study, own in made for number in cells_in(study, own)]
    samples = {sample: place for place, sample in enumerate(dict.fromkeys(source.sample for source in sources))}
    judges = np.repeat([source.judges for source in sources], counts)
    return LabelledCells(
        labels=np.repeat([classes.index(source.true_class) for source in sources], counts),
        sample_of=np.repeat([samples[source.sample] for source in sources], counts),
        samples=tuple(samples),
        classes=classes,
        judges=None if judges.all() else judges,
    )


def preview_split(
    app: App, studies: Sequence[str], plan: SplitPlan, seed: int = 0, labels: Sequence[str] = ()
) -> SplitPreview:
    """The parts that training with this plan and seed would have; `labels`: see `LearnRequest`.

    Raises:
        StudyNotFound, WrongUse: see `labelled_cells`.
        InputRefused: the plan does not fit these samples; the sentences say why.
    """
    from nscweb.training.splits.plan import make_split

    data = labelled_cells(app, studies, labels)
    split = make_split(data, plan, seed)
    rows = tuple(
        _row(data, plan, name, part)
        for name, part in zip(PARTS, (split.train, split.validation, split.held_out), strict=True)
    )
    return SplitPreview(plan, rows, split.sentence, _warnings(data, plan, split), len(data.labels))


def split_choices(app: App, studies: Sequence[str], seed: int = 0, labels: Sequence[str] = ()) -> tuple[Choice, ...]:
    """Every way to split, whether these studies allow it, and why not; `labels`: see `LearnRequest`.

    Raises:
        StudyNotFound, WrongUse: see `labelled_cells`.
    """
    from nscweb.training.splits.grouping import CHOICES, value_of
    from nscweb.training.splits.plan import SplitPlan, make_split

    data = labelled_cells(app, studies, labels)
    choices = []
    for by in CHOICES:
        values = {value_of(sample, by) for sample in data.samples} - {""}
        groups = len(values) if by != "cell" else len(data.labels)
        try:
            split = make_split(data, SplitPlan(by), seed)
        except InputRefused as error:
            choices.append(Choice(by, False, str(error), groups))
            continue
        choices.append(Choice(by, True, _expect(by, len(split.groups)), groups))
    return tuple(choices)


def _row(data: LabelledCells, plan: SplitPlan, name: str, rows: NDArray[np.int64]) -> PartRow:
    from nscweb.training.splits.grouping import value_of

    counts = np.bincount(data.labels[rows], minlength=len(data.classes))
    samples = np.unique(data.sample_of[rows])
    by: By = "sample" if plan.by == "cell" else plan.by
    return PartRow(
        part=name,
        samples=len(samples),
        cells=len(rows),
        classes={name: int(count) for name, count in zip(data.classes.names, counts, strict=True)},
        groups=tuple(sorted({value_of(data.samples[index], by) for index in samples})),
    )


def _warnings(data: LabelledCells, plan: SplitPlan, split: Split) -> tuple[str, ...]:
    found = []
    if plan.by == "cell":
        found.append(
            "Cells of one sample lie on both sides, so the figures come out too good. Use it only to see by how much."
        )
    elif len(split.groups) == 1:
        found.append(
            f"A single {plan.by} is held out ({split.groups[0]}); how the network does on another one may differ "
            "much. Leaving out one at a time uses all of them."
        )
    held = np.bincount(data.labels[split.held_out], minlength=len(data.classes))
    few = [name for name, count in zip(data.classes.names, held, strict=True) if count < 30]
    if few:
        found.append(f"Fewer than 30 held-out cells of: {', '.join(few)}. Their figures will be uncertain.")
    able = len(data.labels) if data.judges is None else int(data.judges.sum())
    share = len(split.held_out) / max(1, able)
    if abs(share - plan.held_out) > 0.1:
        found.append(
            f"{100 * share:.0f} % of the cells are held out, not {100 * plan.held_out:.0f} %, because a "
            f"{plan.by} is never divided."
        )
    return tuple(found)


def _expect(by: By, held_out: int) -> str:
    if by == "cell":
        return "Possible always, but its figures are too good: cells of one sample lie on both sides."
    from nscweb.training.splits.grouping import PLURAL

    what = by if held_out == 1 else PLURAL[by]
    return f"{held_out} {what} held out: says how good the network is on the next {by}."
