"""This machine as far as speed depends on it, and the file that remembers what was measured on it.

Read by pages, so nothing here imports torch.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from nscweb import __version__
from nscweb.core.card import CardEntry
from nscweb.inference.export_files import write_export

MOST_ENTRIES = 200
_MOST_BYTES = 1_000_000
_CPUINFO = Path("/proc/cpuinfo")


def usable_cpus() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return max(1, os.cpu_count() or 1)


@cache
def processor() -> str:
    """The model of the processor and its instruction sets, on which the speed of 8-bit networks depends most.

    Virtual machines of the same name differ in their instruction sets, so these are part of it.
    """
    found = [platform.machine(), platform.processor()]
    with contextlib.suppress(OSError):
        for line in _CPUINFO.read_text("utf-8", "replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() in ("model name", "flags", "Features", "CPU part"):
                # Kernels list flags in orders of their own.
                found.append(value.strip() if name.strip() == "model name" else " ".join(sorted(value.split())))
            if not line and len(found) > 2:
                break  # the first core speaks for all
    return " | ".join(found)


def speed_key(entry: CardEntry, mode: str, threads: int | None) -> str:
    """The same on the same machine with the same packages, weights and number of threads asked for."""
    exports = {kind: record.get("sha256") for kind, record in sorted(entry.card.exports.items())}
    parts = (
        platform.node(),
        platform.system(),
        processor(),
        usable_cpus(),
        __version__,
        _version("torch"),
        _version("onnxruntime"),
        entry.card.weights.sha256,
        exports,
        mode,
        threads,
    )
    return hashlib.sha256(repr(parts).encode("utf-8")).hexdigest()[:24]


def read_speeds(path: Path) -> dict[str, Any]:
    """Key -> what was measured; a missing or damaged file counts as nothing measured. Values are not checked."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            return {}
        data = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def keep_speed(path: Path, key: str, value: dict[str, Any]) -> None:
    """Add to the file; a folder that cannot be written costs another measurement next time, nothing else."""
    kept = {name: known for name, known in read_speeds(path).items() if name != key}
    newest = dict([*kept.items(), (key, value)][-MOST_ENTRIES:])
    with contextlib.suppress(OSError):
        write_export(path, (json.dumps(newest, indent=1) + "\n").encode("utf-8"))


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "none"
