"""Decodes image files in a process of their own: one that hangs, crashes or eats memory costs one image.

Only the fast path for the simple TIFF of IFC software stays in this process, because it follows no pointers and
runs no decoder. A small image costs about 0.2 ms more than in this process.
"""

from __future__ import annotations

import atexit
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.io.decode.guarded_child import GuardedChild, tell
from nscweb.io.decode.image import decode, recognise
from nscweb.io.formats.tiff import read_simple
from nscweb.io.pixels.image_pages import ImagePages, Kind, Pixels


class Sandbox(GuardedChild):
    """A decoder in a child process.

    Args:
        entry, paths: what the child runs (see `Child`); tests hand in decoders that misbehave.
    """

    def __init__(self, entry: str = "nscweb.io.decode.sandbox_child:main", paths: Sequence[Path] = ()) -> None:
        said = ("The image could not be decoded", "the decoder", "Export it again.", "E-IMG-DECODER")
        super().__init__(entry, paths, *said)
        self._held: object = None

    def decode(self, data: bytes, where: str, limits: Limits, log: FindingLog) -> ImagePages:
        """As `io.decode.image.decode`; planes are decoded when they are asked for.

        Raises:
            InputRefused: as `decode`, or with E-IMG-DECODER when the decoder crashed, took too long or too much
                memory.
            LimitExceeded: as `decode`.
        """
        held = object()
        said, pixels = self._decode(data, where, limits, held, eager=True)
        tell(log, said)
        ready = (said["plane"], pixels) if "plane" in said else None

        def load(plane: int) -> Pixels:
            about, found = ready or self._load(plane, data, where, limits, held)
            tell(log, about)
            return np.frombuffer(found, np.dtype(about["dtype"])).reshape(about["shape"])

        return ImagePages(tuple(said["names"]), cast("Kind", said["kind"]), load, bool(said["simulated"]))

    def close(self) -> None:
        """End the child; the next image starts another."""
        with self._lock:
            self._held = None
            super().close()

    def _load(self, plane: int, data: bytes, where: str, limits: Limits, held: object) -> tuple[dict[str, Any], bytes]:
        with self._lock:
            if self._held is not held:  # another file was decoded in between, or the child died
                self._decode(data, where, limits, held, eager=False)
            said, pixels = self.ask({"plane": plane}, b"", limits)
        return said["plane"], pixels

    def _decode(
        self, data: bytes, where: str, limits: Limits, held: object, *, eager: bool
    ) -> tuple[dict[str, Any], bytes]:
        with self._lock:
            said, pixels = self.ask({"where": where, "eager": eager}, data, limits)
            self._held = held
        return said, pixels


def decode_apart(data: bytes, where: str, limits: Limits, log: FindingLog) -> ImagePages:
    """As `io.decode.image.decode`, with the same pixels, errors and findings, but no decoder runs in this process.

    Raises:
        InputRefused, LimitExceeded: see `Sandbox.decode`.
    """
    if recognise(data) is None or read_simple(data, limits) is not None:
        return decode(data, where, limits, log)
    return _SANDBOX.decode(data, where, limits, log)


_SANDBOX = Sandbox()
atexit.register(_SANDBOX.close)
