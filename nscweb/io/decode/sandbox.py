"""Decodes image files in a process of their own: one that hangs, crashes or eats memory costs one image.

Only the fast path for the simple TIFF of IFC software stays in this process, because it follows no pointers and
runs no decoder. The child is started when the first other image comes and serves all that follow; a small image
costs about 0.2 ms more than in this process.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from nscweb.core.errors import InputRefused
from nscweb.core.findings import FindingLog, Level
from nscweb.core.limits import Limits, setting_name
from nscweb.io.decode.child_process import Child, ChildGone, error_from_dict
from nscweb.io.decode.image import decode, recognise
from nscweb.io.formats.tiff import read_simple
from nscweb.io.pixels.image_pages import ImagePages, Kind, Pixels

_START_SECONDS = 60.0
_LOOK_SECONDS = 0.1


class _Watch(threading.Thread):
    """Ends a child that is over its time. One thread for the life of a child: a timer per image would cost more."""

    def __init__(self, child: Child) -> None:
        super().__init__(name=f"watch-{child.pid}", daemon=True)
        self._child = child
        self._over = threading.Event()
        self.until: float | None = None
        self.struck = False

    def run(self) -> None:
        while not self._over.wait(_LOOK_SECONDS):
            until = self.until
            if until is not None and time.monotonic() > until:
                self.struck = True
                self._child.kill()
                return

    def end(self) -> None:
        self._over.set()


class Sandbox:
    """A decoder in a child process, started when it is first needed and again when it died.

    Args:
        entry, paths: what the child runs (see `Child`); tests hand in decoders that misbehave.
    """

    def __init__(self, entry: str = "nscweb.io.decode.sandbox_child:main", paths: Sequence[Path] = ()) -> None:
        self._entry, self._paths = entry, tuple(paths)
        self._lock = threading.RLock()
        self._child: Child | None = None
        self._watch: _Watch | None = None
        self._owner = 0
        self._held: object = None

    @property
    def pid(self) -> int | None:
        """Process id of the child, None while there is none."""
        return self._child.pid if self._child is not None else None

    def decode(self, data: bytes, where: str, limits: Limits, log: FindingLog) -> ImagePages:
        """As `io.decode.decode`; planes are decoded when they are asked for.

        Raises:
            InputRefused: as `decode`, or with E-IMG-DECODER when the decoder crashed, took too long or too much
                memory.
            LimitExceeded: as `decode`.
        """
        held = object()
        with self._lock:
            said, pixels = self._decode(data, where, limits, held, eager=True)
        _tell(log, said)
        ready = (said["plane"], pixels) if "plane" in said else None

        def load(plane: int) -> Pixels:
            about, found = ready or self._load(plane, data, where, limits, held)
            _tell(log, about)
            return np.frombuffer(found, np.dtype(about["dtype"])).reshape(about["shape"])

        return ImagePages(tuple(said["names"]), cast("Kind", said["kind"]), load, bool(said["simulated"]))

    def close(self) -> None:
        """End the child; the next image starts another."""
        with self._lock:
            child, watch, self._child, self._watch, self._held = self._child, self._watch, None, None, None
            if watch is not None:
                watch.end()
            if child is not None and self._owner == os.getpid():
                child.close()

    def _load(self, plane: int, data: bytes, where: str, limits: Limits, held: object) -> tuple[dict[str, Any], bytes]:
        with self._lock:
            if self._held is not held:  # another file was decoded in between, or the child died
                self._decode(data, where, limits, held, eager=False)
            said, pixels = self._ask({"plane": plane}, b"", limits)
        return said["plane"], pixels

    def _decode(
        self, data: bytes, where: str, limits: Limits, held: object, *, eager: bool
    ) -> tuple[dict[str, Any], bytes]:
        asked = {"where": where, "limits": vars(limits), "eager": eager}
        said, pixels = self._ask(asked, data, limits)
        self._held = held
        return said, pixels

    def _ask(self, asked: dict[str, Any], data: bytes, limits: Limits) -> tuple[dict[str, Any], bytes]:
        seconds = limits.max_decode_seconds
        child, watch = self._running()
        watch.until = time.monotonic() + seconds
        try:
            child.send({**asked, "seconds": seconds}, data)
            # Pixels of 8 bytes are the largest that a decoder makes of a byte.
            said, pixels = child.receive(16 * limits.max_member_bytes + (1 << 20))
        except ChildGone as error:
            struck = watch.struck
            self.close()
            if struck:
                raise _refused(
                    f"the decoder was stopped after {seconds} s",
                    f"Export it again; {setting_name('max_decode_seconds')} allows more time.",
                ) from error
            raise _refused("the decoder crashed") from error
        finally:
            watch.until = None
        if said.get("memory"):
            self.close()
            raise _refused(
                "the decoder ran out of memory",
                f"Export it again; {setting_name('max_decode_bytes')} allows more memory.",
            )
        if "failed" in said:
            raise _refused("the decoder failed")
        return said, pixels

    def _running(self) -> tuple[Child, _Watch]:
        if self._owner != os.getpid():  # a fork of this process must not share the pipes
            self._child = self._watch = self._held = None
        if self._child is not None and self._watch is not None and self._child.alive:
            return self._child, self._watch
        self.close()
        try:
            child = Child(self._entry, self._paths)
        except OSError as error:
            raise _refused("no process could be started for the decoder", "Close other programs.") from error
        self._child, self._watch, self._owner = child, _Watch(child), os.getpid()
        self._watch.until = time.monotonic() + _START_SECONDS
        self._watch.start()
        try:
            child.receive(0)
        except ChildGone as error:
            self.close()
            raise _refused("the decoder did not start") from error
        self._watch.until = None
        return self._child, self._watch


def decode_apart(data: bytes, where: str, limits: Limits, log: FindingLog) -> ImagePages:
    """As `io.decode.decode`, with the same pixels, errors and findings, but no decoder runs in this process.

    Raises:
        InputRefused, LimitExceeded: see `Sandbox.decode`.
    """
    if recognise(data) is None or read_simple(data, limits) is not None:
        return decode(data, where, limits, log)
    return _SANDBOX.decode(data, where, limits, log)


def _tell(log: FindingLog, said: dict[str, Any]) -> None:
    """Findings of the child into the log, and its error raised here."""
    for level, code, message, where in said["findings"]:
        log.add(cast("Level", level), code, message, where)
    if "error" in said:
        raise error_from_dict(said["error"])


def _refused(why: str, todo: str = "Export it again.") -> InputRefused:
    return InputRefused(f"The image could not be decoded: {why}.", todo, "E-IMG-DECODER")


_SANDBOX = Sandbox()
atexit.register(_SANDBOX.close)
