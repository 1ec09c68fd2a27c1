"""Files of outlines that lay beside images which came in as single cells: kept, so that they can be used afterwards."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nscweb.core.limits import Limits
from nscweb.core.progress import CancelAsked, stop_if_asked
from nscweb.io.survey.field_masks import FieldMasks
from nscweb.store.files import atomic_write, need_space

# Where the catalogue keeps which image has which outlines.
OUTLINES = "outlines_beside"
# Of the files so many are looked into for how many objects each of them outlines.
_LOOKS = 5


def keep_outlines(folder: Path, masks: FieldMasks, limits: Limits, cancel: CancelAsked) -> dict[str, Any]:
    """Copy files of outlines into a folder of their study.

    Returns:
        For the catalogue: ``files``, place of an image -> [name, kind, name of the copy], and ``several``, True when
        most of those that were looked into outline several objects, so that their images are fields of view.
    """
    if not masks.files:
        return {}
    folder.mkdir(parents=True, exist_ok=True)
    copies: dict[str, str] = {}
    for place, (name, _) in masks.files.items():
        if name in copies:
            continue
        stop_if_asked(cancel)
        data = masks.read(place)
        copies[name] = hashlib.sha256(data).hexdigest()[:32]
        if not (folder / copies[name]).exists():
            need_space(folder, len(data))
            with atomic_write(folder / copies[name], durable=False) as stream:
                stream.write(data)
    return {
        "files": {place: [name, kind, copies[name]] for place, (name, kind) in masks.files.items()},
        "several": _several(masks, limits),
    }


def kept_outlines(folder: Path, kept: Mapping[str, Any]) -> FieldMasks:
    """What `keep_outlines` copied into a folder and handed back; none when it kept nothing."""
    files: dict[str, Any] = kept.get("files", {})
    copies = {name: copy for name, _, copy in files.values()}
    return FieldMasks.of_bytes(
        {place: (name, kind) for place, (name, kind, _) in files.items()}, _Copies(folder, copies)
    )


def joined_outlines(one: Mapping[str, Any], two: Mapping[str, Any]) -> dict[str, Any]:
    """Those of two studies that become one; an image whose place is in both, with other outlines, has none."""
    mine, theirs = one.get("files", {}), two.get("files", {})
    unclear = {place for place in mine if place in theirs and mine[place] != theirs[place]}
    files = {place: said for place, said in {**mine, **theirs}.items() if place not in unclear}
    return {"files": files, "several": bool(one.get("several") or two.get("several"))} if files else {}


def _several(masks: FieldMasks, limits: Limits) -> bool:
    first = {name: place for place, (name, _) in reversed(list(masks.files.items()))}
    counts = [masks.objects(place, limits) for place in list(reversed(first.values()))[:_LOOKS]]
    return 2 * sum(number > 1 for number in counts) > len(counts)


class _Copies(Mapping[str, bytes]):
    """Name of a file of outlines -> its bytes, read when asked for; b"" of one that is gone."""

    def __init__(self, folder: Path, copies: Mapping[str, str]) -> None:
        self._folder, self._copies = folder, copies

    def __getitem__(self, name: str) -> bytes:
        try:
            return (self._folder / self._copies[name]).read_bytes()
        except OSError:
            return b""

    def __iter__(self) -> Iterator[str]:
        return iter(self._copies)

    def __len__(self) -> int:
        return len(self._copies)
