"""Goes through all file names once: images into the index, the rest counted and told.

When nothing came in, one sentence says why, from the commonest reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from nscweb.core.errors import InputRefused, LimitExceeded
from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.core.progress import CancelAsked, Progress, stop_if_asked
from nscweb.io.archives.sources import FileSource, Source, ZipSource, head_of
from nscweb.io.decode.image import recognise
from nscweb.io.formats import FORMATS
from nscweb.io.names.file_names import (
    IMAGE_SUFFIXES,
    PLAIN_NAME,
    is_junk,
    parse_montage_name,
    parse_name,
    sample_folder,
    suffix_of,
    unsafe_name,
)
from nscweb.io.names.mask_names import is_mask_folder, mask_name
from nscweb.io.names.other_files import HEAD, KnownOther, known_by_name
from nscweb.io.outlines.outline_files import holds_outlines
from nscweb.io.sheets.feature_tables import HEAD_BYTES, JOIN_SUFFIXES, JoinFile, kind_of
from nscweb.io.survey.cell_index import IndexBuilder
from nscweb.io.survey.field_masks import FieldMasks, MaskFile, settle_masks
from nscweb.io.survey.name_sets import NameSets

_ARCHIVES = frozenset({".zip", ".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".npz"})
_REPORT_EVERY = 20_000
_SHORT = 512
# Exports have a few; names that have nothing in common must not fill memory.
_MOST_SEEN = 10_000
_TABLES = frozenset(suffix for entry in FORMATS if entry.open_table for suffix in entry.suffixes) | {".daf"}


def why_nothing(log: FindingLog, names: Sequence[str]) -> InputRefused:
    """The error for an import without a single usable cell.

    Every file failed alike in most such cases, so the commonest reason is the reason; LimitExceeded when it is a
    limit.
    """
    shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    folded = log.by_reason()
    reasons = [line for line in folded if line.level == "skip"]
    others = [line for line in folded if line.code.startswith(("N-FMT-", "W-ZIP-TABLE"))]
    if not reasons and others:
        return InputRefused(f"No images were found in {shown}: {others[0].message}", "", f"E-{others[0].code[2:]}")
    if not reasons:
        return InputRefused(
            f"No images were found in {shown}.",
            "Upload TIFF, PNG, JPEG or BMP images, or a zip of them.",
            "E-NO-IMAGES",
        )
    first = max(reasons, key=lambda line: line.count)
    kind = LimitExceeded if first.code.startswith("E-LIMIT") else InputRefused
    count = f" ({first.count:,} files)" if first.count > 1 else ""
    return kind(f"No image in {shown} can be used{count}: {first.message}", "", first.code)


@dataclass
class Listing:
    """What the names say, and what was left out already; `joins` are in neither count.

    Attributes:
        masks: outlines of cells that lie beside fields of view.
    """

    builder: IndexBuilder = field(default_factory=IndexBuilder)
    montages: IndexBuilder = field(default_factory=IndexBuilder)
    sets: NameSets = field(default_factory=NameSets)
    joins: list[JoinFile] = field(default_factory=list)
    masks: FieldMasks = field(default_factory=FieldMasks)
    members: int = 0
    skipped: int = 0
    ignored: int = 0


def list_files(
    sources: Sequence[Source],
    limits: Limits,
    log: FindingLog,
    class_from_folder: bool,
    progress: Progress,
    cancel: CancelAsked,
) -> Listing:
    """Sort every file of every source into index, skipped and ignored."""
    lister = _Lister(log, class_from_folder, progress, cancel)
    for position, source in enumerate(sources):
        if isinstance(source, ZipSource):
            lister.zip(position, source)
        else:
            lister.files(position, source)
    lister.masks(sources, limits)
    listing = lister.finish()
    listing.sets.split_folders = not class_from_folder
    listing.ignored += listing.sets.finish(listing.builder, sources, log)
    return listing


class _Lister:
    def __init__(self, log: FindingLog, class_from_folder: bool, progress: Progress, cancel: CancelAsked) -> None:
        self.listing = Listing()
        self._log, self._class_from_folder = log, class_from_folder
        self._progress, self._cancel = progress, cancel
        self._others: Counter[str] = Counter()
        self._tables: list[str] = []
        self._documents: dict[KnownOther, list[str]] = {}
        self._masks: list[MaskFile] = []
        self._junk = 0
        self._prefix = ""

    def zip(self, position: int, source: ZipSource) -> None:
        """The members of a zip. Nearly all of a real export take the short way, four times as fast."""
        archive, listing, builder = source.archive, self.listing, self.listing.builder
        self._prefix = source.prefix
        listed, claimed = len(archive), archive.directory.claimed
        if listed != claimed and listed % 65536 != claimed:
            message = "The zip lists another number of files than it has; those that are there were read."
            self._log.add("warn", "W-ZIP-COUNT", message, f"{source.label}: {listed} of {claimed}")
        self._log.extend(archive.notes())
        folders: dict[str, str | None] = {}
        accepted: list[int] = []
        match_plain, add = PLAIN_NAME.fullmatch, builder.add_known
        seen: dict[tuple[str, str | None, str], tuple[int, int, int]] = {}
        for number, name, size in source.entries():
            listing.members += 1
            if listing.members % _REPORT_EVERY == 0:
                self._report()
            folder, _, base = name.rpartition("/")
            sample = folders.get(folder, "")
            if sample == "":
                sample = folders[folder] = _plain_folder(folder)
            match = match_plain(base) if sample is not None and size and len(name) < _SHORT else None
            if match is not None and archive.is_plain(number):
                start, digits, channel = match.groups()
                ids = seen.get((folder, start, channel))
                if ids is None:
                    prefix = start.rstrip("_- .") if start else ""
                    place = (position, sample or prefix or source.label, bool(folder and sample))
                    ids = builder.ids(place, prefix, f"Ch{channel}")
                    if len(seen) < _MOST_SEEN:
                        seen[folder, start, channel] = ids
                add(ids, int(digits), position, number)
                accepted.append(number)
            elif self._take(position, source, number, name, size):
                accepted.append(number)
        archive.check_total(accepted)

    def files(self, position: int, source: Source) -> None:
        """Files on disk."""
        self._prefix = source.prefix
        for number, name, size in source.entries():
            self.listing.members += 1
            if self.listing.members % _REPORT_EVERY == 0:
                self._report()
            self._take(position, source, number, name, size)

    def _take(self, position: int, source: Source, number: int, name: str, size: int) -> bool:
        """One file of any kind; True when it goes into the index."""
        archived = isinstance(source, ZipSource)
        chosen = isinstance(source, FileSource) and source.chosen
        unsafe = unsafe_name(name) if archived else None
        if unsafe is not None:
            return self._skip(*unsafe, name)
        if not chosen and is_junk(name):
            self._junk += 1
            return False
        rejected = source.rejection(number, name)
        suffix = suffix_of(name)
        if rejected is None and size and self._mask(position, source, number, name):
            return True
        if suffix not in IMAGE_SUFFIXES:
            if not chosen and rejected is not None and rejected.code == "E-ZIP-LINK":
                return self._skip(rejected.code, rejected.message, name)
            if archived and suffix in _ARCHIVES:
                message = "An archive inside an archive is not opened; take it out and import it by itself."
                return self._skip("E-ZIP-NESTED", message, name)
            if archived and suffix in _TABLES:
                self._tables.append(name)
                return False
            if rejected is None and suffix in JOIN_SUFFIXES and self._join(position, source, number, name):
                return False
            kind = known_by_name(name)
            if kind is not None and not (chosen and not rejected and recognise(head_of(source, number, HEAD))):
                return self._known(kind, name)
            if not chosen:
                self._others[suffix or "no suffix"] += 1
                return False
        if rejected is not None:
            return self._skip(rejected.code, rejected.message, name)
        if not size:
            return self._skip("E-IMG-EMPTY", "The file is empty.", name)
        self._image(position, source, number, name)
        return True

    def _mask(self, position: int, source: Source, number: int, name: str) -> bool:
        """True when the file may hold outlines of the cells of a field."""
        said = mask_name(name)
        if said is None:
            return False
        if suffix_of(name) not in IMAGE_SUFFIXES and not holds_outlines(name, head_of(source, number, HEAD_BYTES)):
            return False
        self._masks.append(MaskFile(position, number, name, said))
        return True

    def _image(self, position: int, source: Source, number: int, name: str) -> None:
        """Put an image into the index."""
        chosen = isinstance(source, FileSource) and source.chosen
        montage = parse_montage_name(name)
        parsed = montage or parse_name(name)
        folder = parsed.folder
        if not folder and self._class_from_folder and not isinstance(source, ZipSource) and not chosen:
            folder = source.label  # the folder that the user pointed at names a class too
        if parsed.object_number is None:
            self.listing.sets.add(position, number, folder, name)
            return
        prefix = parsed.prefix
        place = (position, folder or prefix or source.label, bool(folder))
        builder = self.listing.builder if montage is None else self.listing.montages
        builder.add(place, parsed.prefix, parsed.object_number, parsed.channel, number)

    def masks(self, sources: Sequence[Source], limits: Limits) -> None:
        """Give outlines to their fields, when all files are known; images that were only called so go to the rest."""
        listing = self.listing
        listing.masks, images, outlines = settle_masks(self._masks, listing.sets, sources, limits, self._log)
        listing.ignored += outlines
        for image in images:
            self._image(image.source, sources[image.source], image.member, image.name)

    def _join(self, position: int, source: Source, number: int, name: str) -> bool:
        """True when the file is a table or list that belongs to cells, or should have been."""
        try:
            kind = kind_of(name, head_of(source, number, HEAD_BYTES))
        except InputRefused as error:
            self._skip(error.code, str(error), name)
            return True
        if kind is not None:
            self.listing.joins.append(JoinFile(position, number, name, kind))
        return kind is not None

    def _known(self, kind: KnownOther, name: str) -> bool:
        """A file of a kind that is known and not read."""
        if kind.images:
            return self._skip(kind.code, kind.message, name)
        self._documents.setdefault(kind, []).append(name)
        return False

    def _skip(self, code: str, message: str, where: str) -> bool:
        self.listing.skipped += 1
        self._log.add("skip", code, message, self._prefix + where)
        return False

    def _report(self) -> None:
        stop_if_asked(self._cancel)
        self._progress(self.listing.members, 0, "listing files")

    def finish(self) -> Listing:
        listing, others = self.listing, self._others
        listing.ignored += self._junk + sum(others.values()) + len(self._tables)
        listing.ignored += sum(map(len, self._documents.values()))
        if self._tables:
            message = "Files with many cells are not opened inside a zip; take them out and import them by themselves."
            self._log.add("warn", "W-ZIP-TABLE", message, _some(self._tables))
        for kind, names in self._documents.items():
            code = kind.code.replace("E-", "N-", 1)
            self._log.add("ignored", code, kind.message, _some(names))
        if self._junk:
            message = "Files that operating systems leave behind were ignored."
            self._log.add("ignored", "N-FILE-JUNK", message, f"{self._junk:,} files")
        if others:
            kinds = ", ".join(f"{count:,} {suffix}" for suffix, count in sorted(others.items())[:20])
            message = "Files of kinds that are not read as images were ignored."
            self._log.add("ignored", "N-FILE-OTHER", message, kinds)
        self._progress(listing.members, listing.members, "listing files")
        return listing


def _some(names: Sequence[str]) -> str:
    return f"{len(names):,} files: {', '.join(names[:3])}" + (", ..." if len(names) > 3 else "")


def _plain_folder(folder: str) -> str | None:
    """The sample that a folder stands for; None when its files need the long way."""
    probe = f"{folder}/x"
    if not folder or unsafe_name(probe) is not None or is_junk(probe) or is_mask_folder(folder):
        return None
    return sample_folder(folder) or None
