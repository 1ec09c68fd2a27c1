"""Which file of outlines belongs to which field of view, and the outlines themselves when a field is read.

A file of outlines is called after its field, or lies in a folder such as ``masks`` beside it. Where only a word in the
name says so, the pixels decide whether it is one; what is none is an image like any other.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from nscweb.core.errors import InputRefused, NscwebError
from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.io.archives.sources import Source
from nscweb.io.decode.sandbox import decode_apart
from nscweb.io.names.file_names import IMAGE_SUFFIXES, sample_folder, stem_of, suffix_of
from nscweb.io.names.mask_names import MaskKind, MaskName, is_mask_folder
from nscweb.io.outlines.label_images import labels_of, looks_like_labels
from nscweb.io.outlines.outline_files import read_outlines
from nscweb.io.outlines.polygons import draw_outlines
from nscweb.io.pixels.image_pages import Pixels
from nscweb.io.survey.name_sets import NameSets, Unnamed
from nscweb.preprocess.numbered_objects import Labels

# Files that are looked into, of those in one folder that may be masks by their names.
_LOOKS = 3
# Marks that are surely of channels; a bare "c2" may be the second field.
_SURE_CHANNEL = re.compile(r"[ _.-](?:ch|channel)0*\d+$", re.IGNORECASE)
_CHANNEL = re.compile(r"[ _.-](?:ch|channel|c)0*\d+$", re.IGNORECASE)
# Of two files of outlines for one field the one that says most.
_ORDER: tuple[MaskKind, ...] = ("labels", "geojson", "rois", "lines", "picture")


@dataclass(frozen=True, slots=True)
class MaskFile:
    """A file that may hold outlines: where it is, and what its name says."""

    source: int
    member: int
    name: str
    said: MaskName


@dataclass(frozen=True)
class FieldOutlines:
    """The outlines of one field.

    Attributes:
        labels: (h, w) int32, numbered from 1; 0 is background.
        classes: label -> class that the file gives, for those that have one.
        file: they come from.
    """

    labels: Labels
    classes: Mapping[int, str]
    file: str


@dataclass
class FieldMasks:
    """Outlines by field; can be handed to another process by `part`.

    Attributes:
        files: place of an image file -> name and kind of its outlines.
        fields: number of fields with outlines.
    """

    files: dict[str, tuple[str, MaskKind]] = field(default_factory=dict)
    fields: int = 0
    _sources: Sequence[Source] = ()
    _members: dict[str, tuple[int, int]] = field(default_factory=dict)
    _data: Mapping[str, bytes] | None = None

    @classmethod
    def of_bytes(cls, files: Mapping[str, tuple[str, MaskKind]], data: Mapping[str, bytes]) -> FieldMasks:
        """Outlines that are kept elsewhere.

        Args:
            files: see the attribute.
            data: name of a file of outlines -> its bytes; asked when a field is read.
        """
        return cls(dict(files), len({name for name, _ in files.values()}), _data=data)

    def part(self, places: Iterable[str], *, apart: bool) -> FieldMasks:
        """For an excerpt of the survey, with the bytes of the files when another process reads it."""
        mine = [place for place in dict.fromkeys(places) if place in self.files]
        part = FieldMasks({place: self.files[place] for place in mine}, self.fields)
        if not apart:
            part._sources, part._members = self._sources, {place: self._members[place] for place in mine}
            return part
        data: dict[str, bytes] = {}
        for place in mine:
            name = self.files[place][0]
            if name not in data:
                data[name] = self.read(place)
        part._data = data
        return part

    def read(self, place: str) -> bytes:
        """The file with the outlines of the field whose file is at `place`; b"" when it cannot be read any more."""
        if self._data is not None:
            return self._data[self.files[place][0]]
        source, member = self._members[place]
        try:
            return self._sources[source].read(member)
        except InputRefused:
            return b""  # refused where it is decoded, with a finding

    def objects(self, place: str, limits: Limits) -> int:
        """How many objects a file of outlines holds; 0 when it cannot be read."""
        name, kind = self.files[place]
        log = FindingLog()
        try:
            if kind == "labels":
                return int(labels_of(_pixels(self.read(place), name, limits, log), name, log).max(initial=0))
            return len(read_outlines(self.read(place), kind, name, limits, log))
        except NscwebError:
            return 0

    def outlines(self, place: str, size: tuple[int, int], limits: Limits, log: FindingLog) -> FieldOutlines | None:
        """The outlines of the field whose file is at `place`; None without, or when they cannot be used (told)."""
        if place not in self.files:
            return None
        name, kind = self.files[place]
        try:
            if kind == "labels":
                pixels = _pixels(self.read(place), name, limits, log)
                if pixels.shape != size:
                    raise _size(pixels.shape, size)
                return FieldOutlines(labels_of(pixels, name, log), {}, name)
            found = read_outlines(self.read(place), kind, name, limits, log)
            drawn = draw_outlines(found, size)
            if drawn.lost and drawn.lost >= len(found) / 2:
                raise InputRefused(
                    f"{drawn.lost:,} of {len(found):,} outlines lie outside the field or under others.",
                    "Check that the outlines were drawn on this image at its full size.",
                    "W-MASK-SIZE",
                )
        except NscwebError as error:
            message = f"{error} The outlines were not used; the cells of this field were searched for."
            code = error.code if error.code.startswith("W-") else f"W-{error.code[2:]}"
            log.add("warn", code if "MASK" in code else "W-MASK-DAMAGED", message, name)
            return None
        if drawn.overlapping:
            message = "Outlines overlap; where they do, the smaller one kept the pixels."
            log.add("warn", "W-MASK-OVERLAP", message, f"{name}: {drawn.overlapping:,}")
        if drawn.lost:
            message = "Outlines without a pixel of their own inside the field were left out."
            log.add("warn", "W-MASK-LOST", message, f"{name}: {drawn.lost:,}")
        return FieldOutlines(drawn.labels, drawn.classes, name)


def settle_masks(
    candidates: Sequence[MaskFile], sets: NameSets, sources: Sequence[Source], limits: Limits, log: FindingLog
) -> tuple[FieldMasks, list[MaskFile], int]:
    """Give every file of outlines to its field.

    Args:
        sets: files by name only; of two of one name that is a label image is taken out.

    Returns:
        The outlines, files that are images after all, and how many files hold outlines.
    """
    masks = FieldMasks(_sources=sources)
    true, images = _sorted_out(candidates, sources, limits)
    twins = _twins(sets, sources, limits)
    if not true and not twins:
        return masks, images, 0
    fields = _Fields(sources, {(mask.source, mask.member) for mask in true} | {key for key, _ in twins})
    second: list[str] = []
    painted: list[str] = []
    lost: list[str] = []
    for mask in sorted(true, key=lambda mask: (_ORDER.index(mask.said.kind), not mask.said.certain)):
        places = fields.of(mask)
        if mask.said.kind == "picture":
            painted.append(sources[mask.source].place(mask.member))
        elif not places:
            lost.append(sources[mask.source].place(mask.member))
        elif any(place in masks.files for place in places):
            second.append(sources[mask.source].place(mask.member))
        else:
            _give(masks, places, mask.source, mask.member, mask.said.kind)
    for (source, member), partner in twins:
        _give(masks, [sources[source].place(partner)], source, member, "labels")
    for place, sisters in fields.sisters(masks.files).items():
        for sister in sisters:
            masks.files[sister], masks._members[sister] = masks.files[place], masks._members[place]
    if lost:
        message = (
            "Files of outlines belong to no image: none is called like them, or several are. They were left out. Call "
            "the outlines of x.tif x_masks.tif, or x.tif in a folder masks."
        )
        log.add("warn", "W-MASK-NO-FIELD", message, _some(lost))
    if painted:
        message = "Pictures that Cellpose made of its result show outlines and hold none; they were ignored."
        log.add("ignored", "N-MASK-PICTURE", message, _some(painted))
    if second:
        message = "Further outlines of the same fields were left out."
        log.add("ignored", "N-MASK-TWICE", message, _some(second))
    return masks, images, len(true) + len(twins)


def _give(masks: FieldMasks, places: Sequence[str], source: int, member: int, kind: MaskKind) -> None:
    masks.fields += 1
    for place in places:
        masks.files[place] = (masks._sources[source].place(member), kind)
        masks._members[place] = (source, member)


def _sorted_out(
    candidates: Sequence[MaskFile], sources: Sequence[Source], limits: Limits
) -> tuple[list[MaskFile], list[MaskFile]]:
    """(files of outlines, images that are only called so); a few files of each folder are looked into."""
    true: list[MaskFile] = []
    images: list[MaskFile] = []
    groups: dict[tuple[int, str], list[MaskFile]] = defaultdict(list)
    for mask in candidates:
        if mask.said.certain:
            true.append(mask)
        else:
            groups[mask.source, mask.name.rpartition("/")[0]].append(mask)
    for group in groups.values():
        looks = [_is_label_file(sources, mask.source, mask.member, limits) for mask in group[:_LOOKS]]
        (true if 2 * sum(looks) > len(looks) else images).extend(group)
    return true, images


def _twins(sets: NameSets, sources: Sequence[Source], limits: Limits) -> list[tuple[tuple[int, int], int]]:
    """((source, member) of a label image, member of the image of the same name); taken out of the sets."""
    by_name: dict[tuple[int, str, str], list[Unnamed]] = defaultdict(list)
    for file in sets.files:
        by_name[file.source, file.folder, file.stem.casefold()].append(file)
    found = []
    gone: set[tuple[int, int]] = set()
    for (source, _, _), files in by_name.items():
        if len(files) != 2:
            continue
        labels = [file for file in files if _is_label_file(sources, source, file.member, limits)]
        if len(labels) == 1:
            partner = files[0] if labels[0] is files[1] else files[1]
            found.append(((source, labels[0].member), partner.member))
            gone.add((source, labels[0].member))
    if gone:
        sets.files = [file for file in sets.files if (file.source, file.member) not in gone]
    return found


def _is_label_file(sources: Sequence[Source], source: int, member: int, limits: Limits) -> bool:
    place = sources[source].place(member)
    try:
        return looks_like_labels(_pixels(sources[source].read(member), place, limits, FindingLog()))
    except NscwebError:
        return False


def _pixels(data: bytes, name: str, limits: Limits, log: FindingLog) -> Pixels:
    looks = FindingLog()
    pages = decode_apart(data, name, limits, looks)
    pixels = pages.load(0)
    if any(finding.code == "W-IMG-COLOUR" for finding in looks):
        raise InputRefused(
            "The image called a mask is a coloured picture, so it does not say which pixel is which cell.",
            "Export labels: one number per cell, as TIFF or PNG of 16 bit.",
            "E-MASK-PIXELS",
        )
    if len(pages) > 1:
        message = "The file of outlines holds several planes; the first one was taken."
        log.add("warn", "W-MASK-PLANES", message, name)
    return pixels


def _size(mask: tuple[int, ...], image: tuple[int, int]) -> InputRefused:
    return InputRefused(
        f"The mask has {mask[1]:,} x {mask[0]:,} pixels and its image {image[1]:,} x {image[0]:,}.",
        "Export it at the size of the image.",
        "W-MASK-SIZE",
    )


class _Fields:
    """Image files by name, without those that are outlines."""

    def __init__(self, sources: Sequence[Source], masks: set[tuple[int, int]]) -> None:
        self._sources = sources
        self._named: dict[str, list[tuple[int, str, int]]] = defaultdict(list)
        self._folders: dict[tuple[int, str], list[int]] = defaultdict(list)
        for position, source in enumerate(sources):
            for number, name, _ in source.entries():
                if suffix_of(name) not in IMAGE_SUFFIXES or (position, number) in masks:
                    continue
                folder = name.rpartition("/")[0]
                stem = stem_of(name).casefold()
                for called in {stem, _CHANNEL.sub("", stem)}:
                    self._named[called].append((position, folder, number))
                self._folders[position, folder].append(number)

    def sisters(self, known: Mapping[str, object]) -> dict[str, list[str]]:
        """Place with outlines -> files of the other channels of its field, which have none of their own."""
        found: dict[str, list[str]] = {}
        for stem, files in self._named.items():
            by_folder: dict[tuple[int, str], list[str]] = defaultdict(list)
            for source, folder, number in files:
                if _SURE_CHANNEL.sub("", stem_of(self._sources[source].name(number))).casefold() == stem:
                    by_folder[source, folder].append(self._sources[source].place(number))
            for places in by_folder.values():
                with_outlines = [place for place in places if place in known]
                if with_outlines and len(with_outlines) < len(places):
                    found[with_outlines[0]] = [place for place in places if place not in known]
        return found

    def of(self, mask: MaskFile) -> list[str]:
        """Places of the files of its field, several when channels are files; none when that is not clear."""
        if not mask.said.stems:
            numbers = self._folders.get((mask.source, mask.said.folder), [])
            return [self._sources[mask.source].place(number) for number in numbers] if len(numbers) == 1 else []
        stems = [stem.casefold() for stem in mask.said.stems]
        for stem in dict.fromkeys((*stems, *(_CHANNEL.sub("", stem) for stem in stems))):
            called = self._named.get(stem, [])
            here = [item for item in called if item[:2] == (mask.source, mask.said.folder)]
            below = f"{mask.said.folder}/" if mask.said.folder else ""
            under = [item for item in called if item[0] == mask.source and item[1].startswith(below)]
            for group in (here, under, called):
                group = [item for item in group if not is_mask_folder(item[1])]
                if group and len({(source, sample_folder(folder)) for source, folder, _ in group}) == 1:
                    return [self._sources[source].place(number) for source, _, number in group]
        return []


def _some(names: Sequence[str]) -> str:
    return f"{len(names):,} files: {', '.join(names[:3])}" + (", ..." if len(names) > 3 else "")
