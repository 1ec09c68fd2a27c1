"""What one name of a sample says, whole and while all names are looked at."""

from __future__ import annotations

from dataclasses import dataclass, field

from nscweb.core.samples import Sample


@dataclass(frozen=True)
class SampleHints:
    """What a name says; empty where it says nothing.

    Attributes:
        extra: further columns of the sheet: dose, date, experiment.
        said: rows of `WORD_ROWS` that knew something of it.
        times: hours of all times that the name says, where they are several.
    """

    group: str = ""
    time_h: float | None = None
    replicate: str = ""
    donor: str = ""
    instrument: str = ""
    control: bool = False
    extra: tuple[tuple[str, str], ...] = ()
    said: tuple[str, ...] = ()
    times: tuple[float, ...] = ()

    def sample(self, name: str, true_class: str = "", cells: int = 0) -> Sample:
        """A sample with these values filled in."""
        return Sample(
            name,
            group=self.group,
            time_h=self.time_h,
            replicate=self.replicate,
            donor=self.donor,
            instrument=self.instrument,
            control=self.control,
            true_class=true_class,
            cells=cells,
            extra=self.extra,
        )


@dataclass
class NameParts:
    """One name while all are looked at: words of the group are still apart; the last of them may stand `apart`."""

    hints: SampleHints
    words: list[str]
    left: list[str] = field(default_factory=list)
    apart: bool = False
