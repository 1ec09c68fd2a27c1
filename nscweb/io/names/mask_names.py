"""Names of files that hold the outlines of cells beside a field of view, and which field they are called after.

One table of marks: what programs put behind (or before) the name of the field, and folders they write into. Only the
marks of Cellpose are certain; the word "mask" may as well be a group, so pixels decide there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from nscweb.io.names.file_names import IMAGE_SUFFIXES, stem_of, suffix_of

MaskKind = Literal["labels", "rois", "geojson", "lines", "picture"]
_SUFFIXES: dict[str, MaskKind] = {".geojson": "geojson", ".roi": "rois", ".zip": "rois", ".json": "geojson"}
_LABEL_SUFFIXES = frozenset({".tif", ".tiff", ".png"})
# One look at a name that says nothing of the kind, which nearly all are.
_HINT = re.compile(
    r"mask|label|segment|instance|roi|outline|object|annotation|_cp_|_cp\.|flows|truth|/gt/|^gt/|cellpose|stardist"
    r"|\.geojson|\.json|\.zip",
    re.IGNORECASE,
)
_MOST_NAME = 300
_CERTAIN = re.compile(r"^(.+?)_cp_(?:masks|outlines)(?:[_-].*)?$", re.IGNORECASE | re.DOTALL)
# What Cellpose paints of its result, for people: neither a field nor outlines.
_PICTURE = re.compile(r"^(.+?)_(?:cp_output|cp_flows?|flows_cp|outlines_cp)(?:[_-].*)?$", re.IGNORECASE | re.DOTALL)
_WORD = (
    r"(?:cell|instance|nuclei|nucleus)?[ _-]?(?:masks?|labels?|labelled|labeled|label[ _-]?images?|labelmap|labelimage)"
    r"|(?:segmentations?|segmented|instances|rois?|roi[ _-]?sets?|outlines?|objects|annotations?)"
)
_BEHIND = re.compile(rf"^(.+?)[ _.-]+(?:{_WORD})(?:[ _.-].*|\d*)$", re.IGNORECASE | re.DOTALL)
_BEFORE = re.compile(rf"^(?:{_WORD})[ _.-]+(.+)$", re.IGNORECASE | re.DOTALL)
_ALONE = re.compile(rf"^(?:{_WORD})\d*$", re.IGNORECASE)
_FOLDER = re.compile(rf"^(?:{_WORD}|cp_masks|ground[ _-]?truth|gt|cellpose|stardist)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class MaskName:
    """What the name of a file says that may hold outlines.

    Attributes:
        kind: of file; a ``picture`` shows outlines and holds none.
        folder: where its field is looked for.
        stems: names of the field, the likeliest first; none when any field in the folder will do.
        certain: no image of cells is called like this; else the pixels must say it.
    """

    kind: MaskKind
    folder: str
    stems: tuple[str, ...]
    certain: bool


def mask_name(path: str) -> MaskName | None:
    """Read a path with "/" between folders; None for names that say nothing of outlines.

    A .zip must be looked into first: only a zip of .roi files holds outlines.
    """
    if not _HINT.search(path) or len(path) > _MOST_NAME:
        return None
    suffix, stem = suffix_of(path), stem_of(path)
    folder = path.rpartition("/")[0]
    kind: MaskKind
    if suffix in IMAGE_SUFFIXES:
        if painted := _PICTURE.match(stem):
            return MaskName("picture", folder, (painted[1],), True)
        if suffix not in _LABEL_SUFFIXES:
            return None
        kind = "labels"
    elif suffix in _SUFFIXES:
        kind, stem = _SUFFIXES[suffix], stem[: -len(suffix)]
        if stem_of(stem) and suffix_of(stem) in IMAGE_SUFFIXES:
            stem = stem_of(stem)  # the whole name of the image before the suffix
    elif suffix == ".txt" and _CERTAIN.match(stem[:-4]):
        kind, stem = "lines", stem[:-4]
    else:
        return None
    parent, _, last = folder.rpartition("/")
    inside = bool(_FOLDER.match(last))
    certain = _CERTAIN.match(stem)
    stems: list[str] = []
    marked = [match[1] for pattern in (_CERTAIN, _BEHIND, _BEFORE) if (match := pattern.match(stem))]
    if inside or kind != "labels":
        stems.append(stem)
    stems += marked
    alone = kind in ("labels", "rois") and bool(_ALONE.match(stem))
    if not (stems or alone):
        return None
    return MaskName(
        kind,
        parent if inside else folder,
        () if alone else tuple(dict.fromkeys(stems)),
        certain is not None or kind != "labels",
    )


def is_mask_folder(folder: str) -> bool:
    """Whether programs that outline cells write into folders of this name."""
    return bool(_FOLDER.match(folder.rpartition("/")[2]))
