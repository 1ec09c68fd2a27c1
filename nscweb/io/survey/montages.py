"""Montages: files that hold a grid of cells in one channel, `Ch3_CP0001.tif` (FACTS section 2; Eulenberg et al. 2017).

Tile k of `Ch3_CP0001` and of `Ch4_CP0001` is the same cell; object numbers run over the montages of a sample, from
1 and with fillers counted, so that they say where a cell lies. A montage counts as one file, however many cells it
gives.

The size of a tile is found from the pixels; tiles are cut out, fillers recognised.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from nscweb.core.cells import CellImage
from nscweb.core.errors import InputRefused, NscwebError
from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.core.progress import CancelAsked, stop_if_asked
from nscweb.io.archives.sources import Source
from nscweb.io.decode.sandbox import decode_apart
from nscweb.io.pixels.image_pages import Pixels
from nscweb.io.pixels.pixel_policy import check_size, note_look
from nscweb.io.survey.cell_index import FileRows, IndexBuilder
from nscweb.io.survey.cell_reader import CellReader, chosen_plane
from nscweb.io.survey.samples_found import FoundMontages, NameToRead, Settled

# A tile size is believed when the pattern of one tile explains this share of the variance of the whole (adjusted
# R2). Real brightfield cells, 4 by 4 and more, reach 0.68 to 0.98; a wrong size stays below 0.25.
_ENOUGH = 0.5
# Multiples of the right size explain as much; the smallest size that is nearly as good is the right one.
_NEARLY = 0.85
# Between the two: a divisor of the size that explains this much may be the right one.
_DOUBT = 0.3
_SEAM = 1.2
_BLANK_SIDE = 5
# Montages that are looked at to find the size of a tile.
_LOOK_AT = 3
_TILES_TO_PEEK = 8
_SAY_TILE = "Say the tile size in pixels (--tile on the command line), for example 30."


def find_tile(montages: Sequence[Sequence[Pixels]], smallest: int) -> int | None:
    """Side in pixels of the square tiles of montages of one kind, None when it cannot be told.

    A cell lies in the middle of its tile, so that the deviation from the background, averaged along one side of
    the montage, repeats with every tile. For each common divisor of height and width the profile is folded, and
    judged by how much of it the fold explains (adjusted for the number of pixels in the fold), on the worse of
    both sides and on average over the montages. Neighbours that differ more at a finer grid than beside it speak
    against the size, because cells that fill their tiles to the edge leave seams and no pattern.

    Args:
        montages: of each its channels (h, w); the clearest channel counts.
        smallest: side of a tile in pixels.
    """
    scores: dict[int, float] = {}
    for channels in montages:
        best_here: dict[int, float] = {}
        for image in channels:
            profiles = _profiles(image)
            for tile in _divisors(image, smallest):
                best_here[tile] = max(best_here.get(tile, 0.0), _explained(profiles, tile))
        for tile, score in best_here.items():
            scores[tile] = scores.get(tile, 0.0) + score / len(montages)
    best = max(scores.values(), default=0.0)
    if best < _ENOUGH:
        return None
    tile = min(tile for tile, score in scores.items() if score >= _NEARLY * best)
    finer = [other for other in scores if other < tile and tile % other == 0]
    images = [image for channels in montages for image in channels]
    if any(scores[other] > _DOUBT or _seams(images, other, tile) > _SEAM for other in finer):
        return None
    return tile


def _divisors(image: Pixels, smallest: int) -> list[int]:
    """Sides of tiles that fill the montage with so many that a pattern is no chance."""
    divisor = int(np.gcd(*image.shape))
    return [
        tile for tile in range(max(2, smallest), divisor + 1) if divisor % tile == 0 and image.size >= 8 * tile * tile
    ]


def _seams(images: Sequence[Pixels], tile: int, whole: int) -> float:
    """How much more neighbours differ across the lines of a grid than beside them, lines of `whole` left out."""
    most = 0.0
    for image in images:
        pixels = np.asarray(image, np.float64)
        found = []
        for axis in (0, 1):
            steps = np.abs(np.diff(pixels, axis=axis)).mean(axis=1 - axis)
            for line in range(tile, image.shape[axis], tile):
                if line % whole and tile <= line < image.shape[axis] - 3:
                    beside = steps[[line - 3, line - 2, line, line + 1]].mean()
                    if beside > 0:
                        found.append(steps[line - 1] / beside)
        most = max(most, float(np.median(found)) if found else 0.0)
    return most


def _profiles(image: Pixels) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(h,) and (w,) mean deviation from the background; NaN where a line is blank filler."""
    pixels = np.asarray(image, np.float32)
    kernel = np.ones((_BLANK_SIDE, _BLANK_SIDE), np.uint8)
    blank = cv2.dilate(pixels, kernel) == cv2.erode(pixels, kernel)
    # The opening of the mask gives filler its rim back.
    filler = cv2.dilate(blank.astype(np.uint8), kernel) > 0
    if filler.all():
        return np.full(image.shape[0], np.nan), np.full(image.shape[1], np.nan)
    deviation = np.where(filler, 0.0, np.abs(pixels - np.median(pixels[~filler]))).astype(np.float64)
    profiles = []
    for axis in (1, 0):
        count = (~filler).sum(axis)
        with np.errstate(invalid="ignore", divide="ignore"):
            profiles.append(np.where(count >= 0.1 * filler.shape[axis], deviation.sum(axis) / count, np.nan))
    return profiles[0], profiles[1]


def _explained(profiles: Sequence[NDArray[np.float64]], tile: int) -> float:
    """Adjusted R2 of the fold, of the worse side that has two tiles or more; 0 when cells are not in the middle."""
    found = []
    for profile in profiles:
        folded = profile.reshape(-1, tile)
        folded = folded[np.isfinite(folded).all(axis=1)]
        if profile.size < 2 * tile:
            continue
        if len(folded) < 2:
            return 0.0
        mean = folded.mean(axis=0)
        total = float(((folded - folded.mean()) ** 2).sum())
        left = float(((folded - mean) ** 2).sum())
        margin = max(1, tile // 8)
        rim = float(np.concatenate([mean[:margin], mean[-margin:]]).mean())
        if total <= 0 or rim >= mean[tile // 3 : tile - tile // 3].mean():
            return 0.0
        found.append(1 - left / total * (folded.size - 1) / (folded.size - tile))
    return max(0.0, min(found, default=0.0))


def cut_tiles(image: Pixels, tile: int) -> Pixels:
    """(n, tile, tile) tiles of a montage, row by row; its sides are multiples of `tile`."""
    rows, columns = image.shape[0] // tile, image.shape[1] // tile
    return image.reshape(rows, tile, columns, tile).swapaxes(1, 2).reshape(-1, tile, tile)


def fillers(tiles: Mapping[str, Pixels]) -> NDArray[np.bool_]:
    """(n,) True for tiles that hold no cell of their own: blank in every channel, or copies of the last one.

    Args:
        tiles: channel -> (n, h, w), the same n for all.
    """
    flat = [np.ascontiguousarray(stack).reshape(len(stack), -1) for stack in tiles.values()]
    empty = np.logical_and.reduce([(stack == stack[:, :1]).all(axis=1) for stack in flat])
    used = np.flatnonzero(~empty)
    for before, last in zip(used[-2::-1].tolist(), used[:0:-1].tolist(), strict=True):
        if last != before + 1 or not all(np.array_equal(stack[before], stack[last]) for stack in flat):
            break
        empty[last] = True
    return np.asarray(empty)


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
        cells = rows.cells * stride
        names = tuple(channels[i] for i in sorted(set(rows.channel.tolist())))
        way = FoundMontages(rows, channels, tile, stride, 0, cells)
        settled.add(NameToRead(name, prefixes.get(position, "")), cells, names, true_class, way)
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
