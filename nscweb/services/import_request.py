"""What an import is asked to do, and what is refused before anything is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nscweb.core.errors import StudyExists, WrongUse
from nscweb.core.field_settings import SegmentationSettings
from nscweb.core.samples import Sample

if TYPE_CHECKING:
    from nscweb.services.context import App

NAME_LENGTH = 200
MOST_TILE = 1024


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
        describe: sample name -> what is known of it, from a program that made the images.
        tile_px: side of the tiles of montages in pixels; None finds it from the pixels.
        fields: every image is a whole field of view, and its cells are found like this; None takes every image
            for one cell.
    """

    paths: tuple[Path, ...]
    name: str
    sheet: Path | None = None
    channel: str | None = None
    channels: tuple[str, ...] | None = None
    class_from_folder: bool = False
    pixel_size_um: float | None = None
    simulated: bool | None = None
    describe: Mapping[str, Sample] | None = None
    tile_px: int | None = None
    fields: SegmentationSettings | None = None


def check_request(app: App, request: ImportRequest) -> None:
    """Refuse what cannot work before anything is read.

    Raises:
        WrongUse, StudyExists: with what to do.
    """
    if not request.paths:
        raise WrongUse("No file or folder was given.", "Name at least one zip, image or folder.")
    if not request.name:
        raise WrongUse("The study needs a name.")
    if len(request.name) > NAME_LENGTH or not request.name.isprintable():
        raise WrongUse(
            f"The name of a study has at most {NAME_LENGTH} characters, all of them printable.",
            "Choose a shorter or simpler name.",
        )
    for path in (*request.paths, *([request.sheet] if request.sheet else [])):
        if not path.exists():
            raise WrongUse(f"There is no file or folder {path}.", "Check the spelling.", "E-PATH-MISSING")
    if request.pixel_size_um is not None and not 0 < request.pixel_size_um < 1000:
        raise WrongUse("The pixel size is given in micrometres and lies above 0.")
    if request.tile_px is not None and not app.settings.limits.min_side <= request.tile_px <= MOST_TILE:
        raise WrongUse(
            f"Tiles of montages have {app.settings.limits.min_side} to {MOST_TILE:,} pixels per side, "
            f"not {request.tile_px:,}."
        )
    if any(study.name == request.name for study in app.catalogue.studies()):
        raise StudyExists(
            f"A study called {request.name!r} exists already.",
            "Choose another name, or delete the old one first (nscweb study delete NAME).",
        )
