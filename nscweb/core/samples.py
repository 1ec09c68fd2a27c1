"""Samples and studies: what was put into the cytometer, and what the user says about it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Sample:
    """One acquisition: the cells of one inducer group at one time point in one replicate.

    Attributes:
        name: unique in its study, from the folder or file names.
        group: inducer group, "" when not known.
        time_h: hours since induction, None when not known.
        replicate: biological replicate as text ("1", "A"), "" when not known.
        donor: donor or animal, "" when not known.
        instrument: "" when not known.
        control: True for a control sample.
        true_class: known class of every cell of this sample, "" when not known.
        cells: number of imported cells.
        extra: further columns of the user's sheet, kept as text.
    """

    name: str
    group: str = ""
    time_h: float | None = None
    replicate: str = ""
    donor: str = ""
    instrument: str = ""
    control: bool = False
    true_class: str = ""
    cells: int = 0
    extra: tuple[tuple[str, str], ...] = ()

    def with_changes(self, **changes: Any) -> Sample:
        """A copy with some fields replaced."""
        return replace(self, **changes)


@dataclass(frozen=True)
class Study:
    """A set of samples that are analysed together.

    Attributes:
        study_id: unique and stable, never reused, e.g. ``s000012``.
        name: as the user calls it, unique.
        created_utc: ISO 8601 with ``Z``.
        channel: brightfield channel that predictions use, e.g. ``Ch1``.
        channels: all channels kept.
        simulated: True when the cells come from the simulator.
        pixel_size_um: micrometres per pixel, None when not known (never assumed).
        samples: in the order of the sheet.
    """

    study_id: str
    name: str
    created_utc: str
    channel: str
    channels: tuple[str, ...]
    simulated: bool = False
    pixel_size_um: float | None = None
    samples: tuple[Sample, ...] = ()

    @property
    def cells(self) -> int:
        """Imported cells of all samples."""
        return sum(sample.cells for sample in self.samples)

    def sample(self, name: str) -> Sample:
        """The sample of that name; KeyError when there is none."""
        for sample in self.samples:
            if sample.name == name:
                return sample
        raise KeyError(name)


def sample_as_dict(sample: Sample) -> dict[str, Any]:
    """Plain dictionary for JSON; `extra` becomes a dictionary."""
    return {**asdict(sample), "extra": dict(sample.extra)}
