"""Files of a map, arrays and one description, nothing pickled:

studies/<id>/maps/<source>/basis.npz            directions of the vectors
studies/<id>/maps/<source>/vectors/<sample>.npy vectors of the cells of a sample
studies/<id>/maps/<source>/layout.npz           places on the map, and whose they are
studies/<id>/maps/<source>/map.json             what made it; written last, without it there is no layout
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nscweb.core.errors import StoreError
from nscweb.store.files import atomic_write

if TYPE_CHECKING:
    from nscweb.services.context import App

Float64 = NDArray[np.float64]
FORMAT = 1


@dataclass(frozen=True, eq=False)
class Basis:
    """Directions along which vectors are kept.

    Attributes:
        mean, scale: (F,) that are taken off and divided by; `far`: beyond it, in units of the scale, values are cut.
        middle: (F,) mean of what is left.
        axes: (P, F), orthonormal, the widest first.
        share: (P,) of the whole spread along each.
    """

    mean: Float64
    scale: Float64
    far: float
    middle: Float64
    axes: Float64
    share: Float64

    def project(self, values: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        """Vectors (N, P) of values (N, F); NaN rows stay NaN."""
        centred = np.clip((np.asarray(values, np.float64) - self.mean) / self.scale, -self.far, self.far)
        return np.asarray((centred - self.middle) @ self.axes.T, np.float32)


@dataclass(frozen=True, eq=False)
class Layout:
    """Places on a map.

    Attributes:
        keys: sample keys; counts: cells of each that have a place, in the order of their files.
        xy: (N, 2), the samples one after another; NaN for cells without an image.
        laid_out: (N,) True for cells that made the map, False for those that were placed on it later.
        info: what made it: ``source``, ``cells``, ``made_utc``, ``perplexity``, ``rounds``, ``seed``.
    """

    keys: tuple[str, ...]
    counts: tuple[int, ...]
    xy: NDArray[np.float32]
    laid_out: NDArray[np.bool_]
    info: dict[str, Any]


def map_folder(app: App, study_id: str, source: str) -> Path:
    """Where the maps of one source lie; not made yet, perhaps."""
    return app.folder.study_dir(study_id) / "maps" / source


def has_vectors(app: App, study_id: str, source: str, key: str) -> bool:
    """Whether the vectors of a sample are there."""
    return _vectors(app, study_id, source, key).exists()


def stamp(app: App, study_id: str, source: str) -> tuple[int, ...]:
    """Changes when vectors or layout are written: for keys of caches."""
    folder = map_folder(app, study_id, source)
    paths = [folder / "map.json", folder / "basis.npz", folder / "vectors"]
    return tuple(path.stat().st_mtime_ns if path.exists() else 0 for path in paths)


def read_basis(app: App, study_id: str, source: str) -> Basis | None:
    """The kept directions, None where there are none.

    Raises:
        StoreError: the file is damaged.
    """
    path = map_folder(app, study_id, source) / "basis.npz"
    if not path.exists():
        return None
    found = _arrays(path)
    return Basis(found["mean"], found["scale"], float(found["far"]), found["middle"], found["axes"], found["share"])


def write_basis(app: App, study_id: str, source: str, basis: Basis) -> None:
    """Keep directions."""
    _write_arrays(
        map_folder(app, study_id, source) / "basis.npz",
        mean=basis.mean,
        scale=basis.scale,
        far=np.float64(basis.far),
        middle=basis.middle,
        axes=basis.axes,
        share=basis.share,
    )


def read_vectors(app: App, study_id: str, source: str, key: str) -> NDArray[np.float32]:
    """(n, P) vectors of a sample.

    Raises:
        StoreError: the file is gone or damaged.
    """
    path = _vectors(app, study_id, source, key)
    try:
        found: NDArray[np.float32] = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise _damaged(path) from error
    return found


def write_vectors(app: App, study_id: str, source: str, key: str, values: NDArray[np.float32]) -> None:
    """Keep vectors (n, P) of a sample."""
    with atomic_write(_vectors(app, study_id, source, key)) as stream:
        np.save(stream, values, allow_pickle=False)


def read_layout(app: App, study_id: str, source: str) -> Layout | None:
    """The kept places, None where no map was made.

    Raises:
        StoreError: a file is damaged.
    """
    folder = map_folder(app, study_id, source)
    try:
        info = json.loads((folder / "map.json").read_text("utf-8"))
        if info["format"] != FORMAT:
            return None
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(folder / "map.json") from error
    found = _arrays(folder / "layout.npz")
    counts = tuple(int(count) for count in found["counts"])
    if sum(counts) != len(found["xy"]) or len(found["xy"]) != len(found["laid_out"]):
        raise _damaged(folder / "layout.npz")
    return Layout(tuple(str(key) for key in found["keys"]), counts, found["xy"], found["laid_out"], info)


def write_layout(app: App, study_id: str, source: str, layout: Layout) -> None:
    """Keep places; the description is written last."""
    folder = map_folder(app, study_id, source)
    (folder / "map.json").unlink(missing_ok=True)
    _write_arrays(
        folder / "layout.npz",
        keys=np.array(layout.keys, np.str_),
        counts=np.array(layout.counts, np.int64),
        xy=layout.xy,
        laid_out=layout.laid_out,
    )
    with atomic_write(folder / "map.json") as stream:
        stream.write(json.dumps({**layout.info, "format": FORMAT}, indent=1).encode("utf-8"))


def _vectors(app: App, study_id: str, source: str, key: str) -> Path:
    return map_folder(app, study_id, source) / "vectors" / f"{key}.npy"


def _arrays(path: Path) -> dict[str, Any]:
    try:
        with np.load(path, allow_pickle=False) as found:
            return {name: found[name] for name in found.files}
    except Exception as error:
        raise _damaged(path) from error


def _write_arrays(path: Path, **arrays: Any) -> None:
    # A zip is written by going back in it, which a plain stream need not allow.
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    with atomic_write(path) as stream:
        stream.write(buffer.getvalue())


def _damaged(path: Path) -> StoreError:
    return StoreError(
        f"The file {path.name} of the map is missing or damaged.",
        "Press Make the map anew on the page Cells, or run nscweb map with --anew.",
        "E-MAP-DAMAGED",
    )
