"""Import: images in, one memory-mapped cell file per sample out, with quality features and findings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress
from nscweb.services.import_report import ImportReport

if TYPE_CHECKING:
    from nscweb.services.context import App


@dataclass(frozen=True)
class ImportRequest:
    """What to import and how.

    Attributes:
        paths: files, zips or folders.
        name: name of the new study.
        sheet: sample sheet (CSV or XLSX), None without.
        channel: brightfield channel; None takes the guess.
        channels: channels to keep; None keeps all.
        class_from_folder: fill the true class from the name of the innermost folder.
        pixel_size_um: micrometres per pixel, None when not known.
        simulated: True marks the study as simulated; None takes what the files say.
    """

    paths: tuple[Path, ...]
    name: str
    sheet: Path | None = None
    channel: str | None = None
    channels: tuple[str, ...] | None = None
    class_from_folder: bool = False
    pixel_size_um: float | None = None
    simulated: bool | None = None


def import_study(
    app: App,
    paths: Sequence[Path],
    name: str,
    *,
    sheet: Path | None = None,
    channel: str | None = None,
    channels: Sequence[str] | None = None,
    class_from_folder: bool = False,
    pixel_size_um: float | None = None,
    simulated: bool | None = None,
    progress: Progress = no_progress,
    cancel: CancelAsked = never_cancelled,
) -> ImportReport:
    """Read every cell image of the paths into a new study; see `ImportRequest` for the arguments.

    The study appears in the catalogue only when everything is written. An import that was killed or
    cancelled leaves finished samples in a hidden folder, and the same call goes on from there.

    Raises:
        WrongUse: no path, a path that does not exist, an empty name, an unknown channel.
        StudyExists: the name is taken.
        InputRefused: no cell could be read; the message says why.
        LimitExceeded: something is over a limit.
        JobCancelled: somebody asked to stop.
        DiskFull: there is no room for the cells.
    """
    raise NotImplementedError
