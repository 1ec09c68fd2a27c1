"""Goes through all file names once: images into the index, the rest counted and told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from nscweb.core.findings import FindingLog
from nscweb.core.progress import CancelAsked, Progress, stop_if_asked
from nscweb.io.cell_index import IndexBuilder
from nscweb.io.names import IMAGE_SUFFIXES, is_junk, parse_name, suffix_of, unsafe_name
from nscweb.io.sources import FileSource, Source, ZipSource

_ARCHIVES = frozenset({".zip", ".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".npz"})
_REPORT_EVERY = 20_000


@dataclass
class Listing:
    """What the names say, and what was left out already."""

    builder: IndexBuilder = field(default_factory=IndexBuilder)
    members: int = 0
    skipped: int = 0
    ignored: int = 0


def list_files(
    sources: Sequence[Source],
    log: FindingLog,
    class_from_folder: bool,
    progress: Progress,
    cancel: CancelAsked,
) -> Listing:
    """Sort every file of every source into index, skipped and ignored."""
    listing = Listing()
    others: Counter[str] = Counter()
    junk = 0
    for position, source in enumerate(sources):
        accepted: list[int] = []
        archived = isinstance(source, ZipSource)
        chosen = isinstance(source, FileSource) and source.chosen
        # The folder that the user pointed at names a class too, when its images lie right in it.
        given_folder = source.label if class_from_folder and not archived and not chosen else ""
        for number, name, size in source.entries():
            listing.members += 1
            if listing.members % _REPORT_EVERY == 0:
                stop_if_asked(cancel)
                progress(listing.members, 0, "listing files")
            if not chosen:
                unsafe = unsafe_name(name) if archived else None
                if unsafe is not None:
                    _skip(listing, log, *unsafe, name)
                    continue
                if is_junk(name):
                    junk += 1
                    continue
                suffix = suffix_of(name)
                if suffix not in IMAGE_SUFFIXES:
                    rejected = source.rejection(number, name)
                    if rejected is not None and rejected.code == "E-ZIP-LINK":
                        _skip(listing, log, rejected.code, rejected.message, name)
                    elif suffix in _ARCHIVES:
                        message = (
                            "An archive inside an archive is not opened; take it out and import it by itself."
                        )
                        _skip(listing, log, "E-ZIP-NESTED", message, name)
                    else:
                        others[suffix or "no suffix"] += 1
                    continue
            rejected = source.rejection(number, name)
            if rejected is not None:
                _skip(listing, log, rejected.code, rejected.message, name)
                continue
            if not size:
                _skip(listing, log, "E-IMG-EMPTY", "The file is empty.", name)
                continue
            parsed = parse_name(name)
            folder = parsed.folder or given_folder
            prefix = parsed.prefix if parsed.object_number is not None else ""
            listing.builder.add(
                (position, folder or prefix or source.label, bool(folder)),
                parsed.prefix,
                parsed.object_number,
                parsed.channel,
                number,
            )
            accepted.append(number)
        if isinstance(source, ZipSource):
            source.archive.check_total(accepted)
    listing.ignored = junk + sum(others.values())
    if junk:
        message = "Files that operating systems leave behind were ignored."
        log.add("ignored", "N-FILE-JUNK", message, f"{junk:,} files")
    if others:
        kinds = ", ".join(f"{count:,} {suffix}" for suffix, count in sorted(others.items())[:20])
        log.add("ignored", "N-FILE-OTHER", "Files of kinds that are not read as images were ignored.", kinds)
    progress(listing.members, listing.members, "listing files")
    return listing


def _skip(listing: Listing, log: FindingLog, code: str, message: str, where: str) -> None:
    listing.skipped += 1
    log.add("skip", code, message, where)
