"""Files whose names have no ``_Ch1``: plates, channels by other marks and by folder; what is left is numbered.

One name cannot say whether "cell_3_c1" is a cell or a channel of one, so these names are looked at together, when all
are listed.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from nscweb.core.findings import FindingLog
from nscweb.io.archives.sources import FileSource, Source
from nscweb.io.names.channel_marks import (
    Marked,
    cell_numbers,
    channel_name,
    is_certain,
    is_channel_word,
    marked_names,
    says_brightfield,
    unmarked,
)
from nscweb.io.names.file_names import natural_key, stem_of
from nscweb.io.names.loose_names import Parted, sample_parts
from nscweb.io.names.plate_names import PlateName, parse_plate_name
from nscweb.io.names.wells import WELL
from nscweb.io.survey.cell_index import IndexBuilder

# Of two folders that may be channels, as many names must be in both.
_LEAST_SHARED = 0.5
_OTHER_SUFFIX = re.compile(r"\.[a-z]{2,5}$", re.IGNORECASE)
# Rules beyond so many are not told.
_MOST_RULES = 5


@dataclass(frozen=True, slots=True)
class Unnamed:
    """A file: where it is, the folder that stands for its sample, its name without suffix."""

    source: int
    member: int
    folder: str
    stem: str


@dataclass
class NameSets:
    """Collects such files, and puts them into the index at the end.

    Attributes:
        wells: (source, sample) -> well, for samples that are wells of a plate.
        left_off: what names of plates have in common.
        rules: how names were read, in words.
        apart: (source, sample) -> names of its files that may be samples of their own.
        split_folders: files of a folder may be several samples; not where folders are classes.
        apart: (source, sample) -> names that may be samples of their own, and their images.
    """

    files: list[Unnamed] = field(default_factory=list)
    wells: dict[tuple[int, str], str] = field(default_factory=dict)
    left_off: list[str] = field(default_factory=list)
    rules: list[str] = field(default_factory=list)
    apart: dict[tuple[int, str], Parted] = field(default_factory=dict)
    split_folders: bool = True

    def add(self, source: int, member: int, folder: str, name: str) -> None:
        """One file; `folder` is "" for a file that lies loose."""
        self.files.append(Unnamed(source, member, folder, stem_of(name)))

    def finish(self, builder: IndexBuilder, sources: Sequence[Source], log: FindingLog) -> int:
        """Put every file into the index; returns how many are left out as further planes."""
        plates: list[tuple[Unnamed, PlateName]] = []
        rest: list[Unnamed] = []
        for file in self.files:
            plate = parse_plate_name(file.stem)
            if plate is None:
                rest.append(file)
            else:
                plates.append((file, plate))
        ignored = self._plates(plates, builder, sources, log) if plates else 0
        by_folder: dict[tuple[int, str], list[Unnamed]] = defaultdict(list)
        for file in rest:
            by_folder[file.source, file.folder].append(file)
        for place, channels in self._channel_folders(by_folder).items():
            found = {
                file: Marked(unmarked(file.stem, name), name) for name, files in channels.items() for file in files
            }
            self._channels(place, found, builder, sources, f"the folders {', '.join(channels)} are channels", log)
            if len(channels) > 1 and not is_certain(channels):
                message = (
                    f"The folders {', '.join(channels)} hold the same names and were taken as channels of the "
                    "same cells. If they are different samples, rename the folders."
                )
                log.add("warn", "W-NAME-SETS", message, place[1] or sources[place[0]].label)
            for folder in {(file.source, file.folder) for file in found}:
                by_folder.pop(folder, None)
        for place, files in by_folder.items():
            marks = marked_names({file.stem for file in files})
            marked = {file: marks[file.stem] for file in files if file.stem in marks}
            if marked:
                first = next(iter(marked))
                rule = f"{first.stem!r} is channel {marked[first].channel}"
                self._channels(place, marked, builder, sources, rule, log)
                words = sorted({item.channel for item in marked.values()}, key=natural_key)
                if not any(map(is_channel_word, words)):
                    message = (
                        f"Names come in sets that differ in one word ({', '.join(words)}); each set was taken as the "
                        "channels of one cell. If they are different cells, rename the files."
                    )
                    log.add("warn", "W-NAME-SETS", message, place[1] or sources[place[0]].label)
            self._loose([file for file in files if file not in marked], builder, sources, log)
        return ignored

    def _loose(
        self, files: Sequence[Unnamed], builder: IndexBuilder, sources: Sequence[Source], log: FindingLog
    ) -> None:
        """Files of one folder, or of none, whose names only count: one sample, or several by their names."""
        if not files:
            return
        source, folder = files[0].source, files[0].folder
        # Somebody may choose a text beside images; it is told later that it is none.
        images = [file for file in files if not _OTHER_SUFFIX.search(file.stem)]
        heads, parted = sample_parts([file.stem for file in images], self._around((source, folder), sources))
        own = dict(zip(images, heads, strict=True))
        if folder and not self.split_folders:
            parted = Parted()
        _, whole, in_folder = _place(source, folder, sources)
        if parted.reading == "ask":
            self.apart[source, whole] = parted
        for file in files:
            head = own.get(file, "")
            several = parted.reading == "several" and head
            sample = "/".join(part for part in (folder, head) if part) if several else whole
            builder.add((source, sample, in_folder), file.stem, None, "", file.member)
        if parted.reading == "several":
            tell_parts(parted, folder, self.rules, log)

    @staticmethod
    def _around(place: tuple[int, str], sources: Sequence[Source]) -> str:
        """The folder or zip around files; "" for files that somebody chose one by one."""
        source = sources[place[0]]
        return place[1] or ("" if isinstance(source, FileSource) and source.chosen else source.label)

    def _plates(
        self,
        plates: Sequence[tuple[Unnamed, PlateName]],
        builder: IndexBuilder,
        sources: Sequence[Source],
        log: FindingLog,
    ) -> int:
        befores = {plate.before for _, plate in plates}
        if len(befores) == 1 and all(plate.well or file.folder for file, plate in plates):
            self.left_off += [text for text in befores if text]
        planes: dict[tuple[int, str, int, str], set[int]] = defaultdict(set)
        keyed = []
        timed = len({plate.time for _, plate in plates}) > 1
        for file, plate in plates:
            named = len(befores) > 1 or not (plate.well or file.folder)
            parts = [plate.before if named else "", plate.well, plate.time if timed else ""]
            name = " ".join(part for part in parts if part)
            sample = "/".join(part for part in (file.folder, name) if part) or sources[file.source].label
            key = (file.source, sample, plate.site, plate.channel)
            planes[key].add(plate.plane)
            keyed.append((key, file, plate))
            if plate.well:
                self.wells[file.source, sample] = plate.well
        # The plane in the middle of a focus stack; cells are flat beside it.
        middle = {key: sorted(found)[len(found) // 2] for key, found in planes.items()}
        ignored = 0
        for key, file, plate in keyed:
            if plate.plane != middle[key]:
                ignored += 1
                continue
            builder.add((key[0], key[1], True), plate.before, plate.site, plate.channel or "Ch1", file.member)
        first, plate = plates[0]
        said = [f"well {plate.well}" if plate.well else "", f"site {plate.site}", f"channel {plate.channel}"]
        said = [text for text in said if text and not text.endswith(" ")]
        self.rules.append(f"Names of {plate.program}: {first.stem!r} is {', '.join(said)}.")
        log.add("note", "N-NAME-PLATE", self.rules[-1], f"{len(plates):,} files")
        if ignored:
            message = "Of each focus stack the plane in the middle was taken; the others were ignored."
            log.add("ignored", "N-NAME-PLANES", message, f"{ignored:,} files")
        return ignored

    def _channel_folders(
        self, by_folder: Mapping[tuple[int, str], Sequence[Unnamed]]
    ) -> dict[tuple[int, str], dict[str, Sequence[Unnamed]]]:
        """Folder without its channel -> channel -> files, where such folders hold the same names.

        The channel is the last folder ("NT3_1d/BF") or, where one of them is brightfield, any other ("BF/NT3_1d").
        """
        children: dict[tuple[int, str], dict[str, Sequence[Unnamed]]] = defaultdict(dict)
        outer: dict[tuple[int, str], dict[str, Sequence[Unnamed]]] = defaultdict(dict)
        wells: set[tuple[int, str]] = set()
        for (source, folder), files in by_folder.items():
            parts = folder.split("/")
            if is_channel_word(parts[-1]):
                children[source, "/".join(parts[:-1])][parts[-1]] = files
            elif sum(map(is_channel_word, parts)) == 1:
                (channel,) = filter(is_channel_word, parts)
                outer[source, "/".join(part for part in parts if part != channel)][channel] = files
            elif WELL.match(parts[-1]):
                wells.add((source, "/".join(parts[:-1])))
        found = {place: own for place, own in children.items() if place not in wells or is_certain(own)}
        found |= {place: own for place, own in outer.items() if is_certain(own) and place not in found}
        sets = {place: own for place, own in found.items() if len(own) > 1 and _same_names(own)}
        # A sample that has one of these channels only: its fluorescence is no brightfield.
        known = {(place[0], name) for place, own in sets.items() if is_certain(own) for name in own}
        return {
            place: own
            for place, own in {**outer, **found}.items()
            if place in sets or all((place[0], name) in known for name in own)
        }

    def _channels(
        self,
        place: tuple[int, str],
        marked: Mapping[Unnamed, Marked],
        builder: IndexBuilder,
        sources: Sequence[Source],
        rule: str,
        log: FindingLog,
    ) -> None:
        cores = sorted({item.core for item in marked.values()}, key=natural_key)
        numbers = cell_numbers(cores) or {core: ("", number) for number, core in enumerate(cores, start=1)}
        heads, parted = sample_parts(cores, self._around(place, sources))
        if place[1] and not self.split_folders:
            parted = Parted()
        several, whole = parted.reading == "several", place[1] or sources[place[0]].label
        if parted.reading == "ask" and place[1]:
            self.apart[place[0], whole] = parted
        # Loose files are parted by what stands before the number, as those of instruments are.
        named = several or (not place[1] and len(set(heads)) == 1)
        own = dict(zip(cores, heads, strict=True)) if named else {}
        for file, item in marked.items():
            prefix, number = numbers[item.core]
            head = own.get(item.core, "")
            if head and head.casefold() == item.core.casefold():
                prefix, number = item.core, 1
            inside = place[1] if place[1] and not head else head or prefix
            sample = "/".join(part for part in (place[1] if head else "", inside) if part) or whole
            builder.add((place[0], sample, bool(place[1])), prefix, number, channel_name(item.channel), file.member)
        if several:
            tell_parts(parted, place[1], self.rules, log)
        if len(self.rules) < _MOST_RULES:
            self.rules.append(f"Channels were read from names: {rule}.")


def tell_parts(parted: Parted, folder: str, rules: list[str], log: FindingLog) -> None:
    """Say that files of one folder, or of none, are several samples by their names."""
    file, name = parted.example
    where = f"the folder {folder}" if folder else "one place"
    said = f"The files of {where} are {len(parted.names):,} samples by their names: {file!r} belongs to {name!r}."
    if len(rules) < _MOST_RULES:
        rules.append(said)
    log.add("note", "N-NAME-PARTS", said, folder)


def _place(source: int, folder: str, sources: Sequence[Source]) -> tuple[int, str, bool]:
    return source, folder or sources[source].label, bool(folder)


def _same_names(found: Mapping[str, Sequence[Unnamed]]) -> bool:
    """Whether folders hold images of the same cells: names without what differs by channel."""
    names = [{unmarked(file.stem, name).casefold() for file in files} for name, files in found.items()]
    shared = set.intersection(*names)
    return len(shared) >= _LEAST_SHARED * min(map(len, names)) or any(says_brightfield(name) for name in found)
