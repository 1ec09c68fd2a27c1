"""Dropped files to brightfield images: read by content, one image per cell, everything else said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from nscweb.core.errors import InputRefused
from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits


@dataclass(frozen=True)
class ReadImage:
    """One readable image.

    Attributes:
        name: file name, with the plane when the file holds several.
        pixels: (h, w) at native depth.
        simulated: the file says that nscweb simulated it.
    """

    name: str
    pixels: NDArray[Any]
    simulated: bool = False


def read_images(files: Sequence[tuple[str, bytes]], limits: Limits, log: FindingLog) -> list[ReadImage]:
    """Images in the order given; a file that cannot be read becomes a finding.

    When the names say that several files are channels of one cell, only the brightfield channel is looked at.
    """
    read = [image for name, data in files if (image := _read(name, data, limits, log)) is not None]
    return _brightfield_only(read, log)


def _read(name: str, data: bytes, limits: Limits, log: FindingLog) -> ReadImage | None:
    from nscweb.io.decode.sandbox import decode_apart
    from nscweb.io.names.brightfield import guess_brightfield
    from nscweb.io.survey.cell_reader import chosen_plane

    try:
        pages = decode_apart(data, name, limits, log)
        if pages.kind != "channels" or len(pages) < 2:
            return ReadImage(name, pages.load(chosen_plane(pages, name, log)), pages.simulated)
        planes = {plane: pages.load(index) for index, plane in enumerate(pages.names)}
        chosen = guess_brightfield(list(planes), {plane: [pixels] for plane, pixels in planes.items()})
        log.add(
            "note",
            "N-QUICK-CHANNEL",
            f"The file holds {len(planes)} channels; {chosen}, which looks like brightfield, was taken.",
            name,
        )
        return ReadImage(f"{name} ({chosen})", planes[chosen], pages.simulated)
    except InputRefused as error:
        log.add("skip", error.code, str(error), name)
    except (MemoryError, RecursionError):
        log.add("skip", "E-IMG-MEMORY", "The image needs more memory than there is.", name)
    return None


def _brightfield_only(read: list[ReadImage], log: FindingLog) -> list[ReadImage]:
    from nscweb.io.names.brightfield import guess_brightfield
    from nscweb.io.names.file_names import parse_name

    parsed = [parse_name(image.name) for image in read]
    cells: dict[tuple[str, int | None], set[str]] = {}
    for said in parsed:
        cells.setdefault((said.prefix.casefold(), said.object_number), set()).add(said.channel)
    if not any(len(channels - {""}) > 1 for channels in cells.values()):
        return read
    by_channel: dict[str, list[NDArray[Any]]] = {}
    for said, image in zip(parsed, read, strict=True):
        if said.channel:
            by_channel.setdefault(said.channel, []).append(image.pixels)
    chosen = guess_brightfield(list(by_channel), by_channel)
    kept = [image for said, image in zip(parsed, read, strict=True) if said.channel in ("", chosen)]
    if len(kept) < len(read):
        log.add(
            "ignored",
            "N-QUICK-OTHER-CHANNEL",
            f"Of several channels of a cell only {chosen}, which looks like brightfield, was taken.",
            f"{len(read) - len(kept)} files",
        )
    return kept
