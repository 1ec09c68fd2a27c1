"""What made a result, written beside it."""

from __future__ import annotations

import json
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from nscweb import __version__
from nscweb.core.errors import StoreError
from nscweb.core.plain import from_plain, to_plain
from nscweb.core.run_record import Provenance
from nscweb.store.files import atomic_write

# Packages that touch the numbers of a result.
_PACKAGES: tuple[str, ...] = (
    "torch",
    "torchvision",
    "numpy",
    "opencv-python",
    "pandas",
    "pyarrow",
    "scipy",
    "scikit-learn",
    "statsmodels",
    "onnxruntime",
    "openpyxl",
    "tifffile",
    "pillow",
    "safetensors",
    "grad-cam",
)


def package_versions() -> dict[str, str]:
    """Versions of nscweb, Python and the packages that touch numbers; looked up without importing them."""
    found = {"nscweb": __version__, "python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def write_provenance(path: Path, provenance: Provenance) -> None:
    """Write ``provenance.json``."""
    with atomic_write(path) as stream:
        stream.write(json.dumps(to_plain(provenance), indent=2, ensure_ascii=False).encode("utf-8"))


def read_provenance(path: Path) -> Provenance:
    """Inverse of `write_provenance`. StoreError when the file is missing or damaged."""
    what = f"The provenance {path.parent.name}"
    try:
        data = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise StoreError(f"{what} is missing or damaged.") from error
    return from_plain(Provenance, data, what, StoreError)
