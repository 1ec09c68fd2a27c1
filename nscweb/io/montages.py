"""Montages: files that hold a grid of cells in one channel, `Ch3_CP0001.tif` (FACTS section 2; Eulenberg et al. 2017).

Tile k of `Ch3_CP0001` and of `Ch4_CP0001` is the same cell; object numbers run over the montages of a sample, from
1 and with fillers counted, so that they say where a cell lies. A montage counts as one file, however many cells it
gives.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from nscweb.core.cells import CellImage
from nscweb.core.errors import InputRefused, NscwebError
from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.core.progress import CancelAsked, stop_if_asked
from nscweb.io.cell_index import FileRows, IndexBuilder
from nscweb.io.cell_reader import CellReader, chosen_plane
from nscweb.io.hints import SampleHints, parse_sample_hints
from nscweb.io.image_pages import Pixels
from nscweb.io.montage_grid import cut_tiles, fillers, find_tile
from nscweb.io.opening import LOOSE_LABEL
from nscweb.io.pixel_policy import check_size, note_look
from nscweb.io.sandbox import decode_apart
from nscweb.io.settle import FoundMontages, Settled
from nscweb.io.sources import Source

# Montages that are looked at to find the size of a tile.
_LOOK_AT = 3
_TILES_TO_PEEK = 8
_SAY_TILE = "Say the tile size in pixels (--tile on the command line), for example 30."


def load_montage(source: Source, member: int, limits: Limits, log: FindingLog) -> Pixels:
    """(h, w) pixels of one montage; its size is no reason for a warning.

    Raises:
        InputRefused, LimitExceeded: it cannot be read.
    """
    where = source.place(member)
    whole = replace(limits, field_side=max(limits.field_side, limits.max_image_side))
    pages = decode_apart(source.read(member), where, whole, log)
    return pages.load(chosen_plane(pages, where, log))


class MontageReader(CellReader):
    """The cells of montages in the order of their numbers (see `FoundMontages`).

    Args:
        wanted: channels to keep, in the order of the pixels.
        needed: a montage without this channel is left out; "" asks for none.
    """

    def __init__(
        self,
        way: FoundMontages,
        sources: Sequence[Source],
        wanted: Sequence[str],
        needed: str,
        limits: Limits,
        log: FindingLog,
        cancel: CancelAsked,
    ) -> None:
        super().__init__()
        self._way, self._sources = way, sources
        self._wanted, self._needed = tuple(wanted), needed
        self._limits, self._log, self._cancel = limits, log, cancel
        rows = way.rows
        kept = np.isin(rows.channel, [i for i, name in enumerate(way.channels) if name in self._wanted])
        # A montage that is cut in two is counted where its first tile is.
        own = rows.cell * way.stride >= way.begin
        self.ignored = int(np.count_nonzero(~kept & own))
        self._files: dict[int, list[tuple[str, int, int]]] = {}
        for row in np.flatnonzero(kept).tolist():
            file = (way.channels[int(rows.channel[row])], int(rows.source[row]), int(rows.member[row]))
            self._files.setdefault(int(rows.cell[row]), []).append(file)

    def __iter__(self) -> Iterator[CellImage]:
        way = self._way
        for montage, files in sorted(self._files.items()):
            stop_if_asked(self._cancel)
            first = montage * way.stride
            low, high = max(first, way.begin), min(first + way.stride, way.end)
            if low >= high:
                continue
            self.at(low - way.begin)
            # What concerns the file is told once, though two parts of a sample may read it.
            log = self._log if first >= way.begin else FindingLog()
            skipped, images, ignored = self.skipped, self.images, self.ignored
            yield from self._cells(files, first, low, high, log)
            if log is not self._log:
                self.skipped, self.images, self.ignored = skipped, images, ignored

    def _cells(
        self, files: Sequence[tuple[str, int, int]], first: int, low: int, high: int, log: FindingLog
    ) -> Iterator[CellImage]:
        if self.left_out & set(range(low - self._way.begin, high - self._way.begin)):
            for _, source, member in files:
                self._skip_deadly(log, self._sources[source].place(member))
            if log is not self._log:
                message = "The process that read this montage ended each time; some of its cells were left out."
                self._log.add("warn", "W-MONTAGE-PART", message, self._sources[files[0][1]].place(files[0][2]))
            return
        stacks = self._stacks(files, log)
        if not stacks:
            return
        empty = fillers(stacks)
        channels = tuple(name for name in self._wanted if name in stacks)
        where = next(self._sources[source].place(member) for name, source, member in files if name == channels[0])
        if empty.any():
            message = "Tiles of montages without a cell of their own (blank, or copies of the last one) were left out."
            log.add("ignored", "N-MONTAGE-FILLER", message, f"{where}: {int(empty.sum()):,} tiles")
        if empty.all():
            self.ignored += len(stacks)
            return
        self.images += len(stacks)
        for tile in np.flatnonzero(~empty).tolist():
            if low <= first + tile < high:
                place = f"{where} tile {tile + 1}"
                pixels = np.stack([stacks[name][tile] for name in channels])
                for plane in pixels:
                    note_look(plane, place, self._limits, self._log)
                yield CellImage(self._way.first + first + tile, channels, pixels, place)

    def _stacks(self, files: Sequence[tuple[str, int, int]], log: FindingLog) -> dict[str, Pixels]:
        """Channel -> (n, tile, tile) of one montage; nothing when it must be left out."""
        stacks: dict[str, Pixels] = {}
        names: dict[str, str] = {}
        for channel, source, member in files:
            where = self._sources[source].place(member)
            try:
                stacks[channel] = self._tiles(self._sources[source], member, log)
                names[channel] = where
            except NscwebError as error:
                self._skip(log, error, error.code, where)
            except (MemoryError, RecursionError):
                self._skip(log, "The image needs more memory than there is.", "E-IMG-MEMORY", where)
        code = message = ""
        if stacks and self._needed and self._needed not in stacks:
            message, code = f"The cell has no usable image in {self._needed}.", "E-CELL-NO-CHANNEL"
        elif len({stack.shape for stack in stacks.values()}) > 1:
            message, code = "The channels of the montage differ in size.", "E-CELL-FRAMES"
        if code:
            for where in names.values():
                self._skip(log, message, code, where)
            return {}
        return stacks

    def _tiles(self, source: Source, member: int, log: FindingLog) -> Pixels:
        image, tile = load_montage(source, member, self._limits, log), self._way.tile
        if image.shape[0] % tile or image.shape[1] % tile:
            raise InputRefused(
                f"The montage is no grid of tiles of {tile} x {tile} pixels.", _SAY_TILE, "E-MONTAGE-TILE"
            )
        tiles = cut_tiles(image, tile)
        if len(tiles) > self._way.stride:
            raise InputRefused(
                "The montage holds more tiles than the first ones of its sample.",
                "Import montages of one size together.",
                "E-MONTAGE-SIZE",
            )
        return tiles


def settle_montages(
    settled: Settled,
    builder: IndexBuilder,
    sources: Sequence[Source],
    class_from_folder: bool,
    tile_px: int | None,
    limits: Limits,
    log: FindingLog,
) -> int:
    """Add the samples of montages; returns how many files were skipped, because their tiles are not known."""
    channels, all_rows, _ = builder.finish(lambda source, member: sources[source].name(member))
    prefixes = builder.only_prefixes()
    skipped = 0
    for position, ((_, name), rows) in enumerate(zip(builder.sample_names, all_rows, strict=True)):
        if not rows.cells:
            continue
        try:
            seen = _look(rows, channels, sources, limits)
            tile = _tile_of(list(seen.values()), tile_px, limits)
        except NscwebError as error:
            for row in range(len(rows.cell)):
                where = sources[int(rows.source[row])].place(int(rows.member[row]))
                log.add("skip", error.code, str(error), where)
            skipped += len(rows.cell)
            continue
        first = [next(iter(planes.values())) for planes in seen.values()]
        stride = max((image.shape[0] // tile) * (image.shape[1] // tile) for image in first)
        for planes in seen.values():
            for channel, image in planes.items():
                if image.shape[0] % tile == 0 and image.shape[1] % tile == 0:
                    peeked = settled.peek.images.setdefault(channel, [])
                    peeked += list(cut_tiles(image, tile)[:_TILES_TO_PEEK])
        how = "as given" if tile_px else "found from the pixels"
        message = f"Montages were cut into tiles of {tile} x {tile} pixels, {how}; each tile is a cell."
        log.add("note", "N-MONTAGE-TILE", message, f"{name}: {rows.cells:,} montages of {stride} tiles")
        true_class = ""
        if class_from_folder and position in builder.in_folder:
            true_class = name.rpartition("/")[2]
        hints = SampleHints() if name == LOOSE_LABEL else parse_sample_hints(name, prefixes.get(position, ""))
        cells = rows.cells * stride
        names = tuple(channels[i] for i in sorted(set(rows.channel.tolist())))
        way = FoundMontages(rows, channels, tile, stride, 0, cells)
        settled.add(name, cells, names, hints, true_class, way)
    return skipped


def _look(
    rows: FileRows, channels: Sequence[str], sources: Sequence[Source], limits: Limits
) -> dict[int, dict[str, Pixels]]:
    """Montage -> channel -> pixels of the first montages that can be read.

    Raises:
        InputRefused: none can be read, for the reason of the first.
    """
    seen: dict[int, dict[str, Pixels]] = {}
    failed: NscwebError | None = None
    for row in range(len(rows.cell)):
        montage = int(rows.cell[row])
        if montage not in seen and len(seen) >= _LOOK_AT:
            break
        try:
            image = load_montage(sources[int(rows.source[row])], int(rows.member[row]), limits, FindingLog())
        except NscwebError as error:
            failed = failed or error  # told when it is read
            continue
        except MemoryError:
            continue
        seen.setdefault(montage, {})[channels[int(rows.channel[row])]] = image
    if not seen:
        raise failed or InputRefused("The image needs more memory than there is.", "", "E-IMG-MEMORY")
    return seen


def _tile_of(montages: Sequence[dict[str, Pixels]], given: int | None, limits: Limits) -> int:
    """Side of a tile.

    Raises:
        InputRefused: it cannot be told, or the given one does not fit.
    """
    if given is not None:
        check_size(given, given, 1, limits)
        images = [image for planes in montages for image in planes.values()]
        if all(image.shape[0] % given or image.shape[1] % given for image in images):
            height, width = images[0].shape
            raise InputRefused(
                f"The montage has {width} x {height} pixels, so it is no grid of tiles of {given} x {given}.",
                _SAY_TILE,
                "E-MONTAGE-TILE",
            )
        return given
    tile = find_tile([list(planes.values()) for planes in montages], limits.min_side)
    if tile is None:
        raise InputRefused(
            "The size of the tiles in the montage cannot be told from its pixels.", _SAY_TILE, "E-MONTAGE-TILE"
        )
    return tile
