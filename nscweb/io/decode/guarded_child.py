"""A child process whose every answer has limits of time and memory: one that hangs, crashes or eats memory is ended.

It is started when the first question comes and serves all that follow, and started again when it died.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from nscweb.core.errors import InputRefused
from nscweb.core.findings import FindingLog, Level
from nscweb.core.limits import Limits, setting_name
from nscweb.io.decode.child_process import Child, ChildGone, error_from_dict

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


class GuardedChild:
    """A child that answers questions about one file each.

    Args:
        entry, paths: what the child runs (see `Child`), with `guarded_server.serve`.
        what, who, todo, code: of the error when it gives no answer: "The image could not be decoded", "the decoder",
            "Export it again.", "E-IMG-DECODER".
    """

    def __init__(self, entry: str, paths: Sequence[Path], what: str, who: str, todo: str, code: str) -> None:
        self._entry, self._paths = entry, tuple(paths)
        self._what, self._who, self._todo, self._code = what, who, todo, code
        self._lock = threading.RLock()
        self._child: Child | None = None
        self._watch: _Watch | None = None
        self._owner = 0

    @property
    def pid(self) -> int | None:
        """Process id of the child, None while there is none."""
        return self._child.pid if self._child is not None else None

    def close(self) -> None:
        """End the child; the next question starts another."""
        with self._lock:
            child, watch, self._child, self._watch = self._child, self._watch, None, None
            if watch is not None:
                watch.end()
            if child is not None and self._owner == os.getpid():
                child.close()

    def ask(self, asked: dict[str, Any], data: bytes, limits: Limits) -> tuple[dict[str, Any], bytes]:
        """The answer to one question.

        Raises:
            InputRefused: the child crashed, took longer than ``max_decode_seconds`` or more than ``max_decode_bytes``.
        """
        with self._lock:
            return self._ask(asked, data, limits)

    def _ask(self, asked: dict[str, Any], data: bytes, limits: Limits) -> tuple[dict[str, Any], bytes]:
        seconds = limits.max_decode_seconds
        child, watch = self._running()
        watch.until = time.monotonic() + seconds
        try:
            child.send({**asked, "limits": vars(limits), "seconds": seconds}, data)
            # Pixels of 8 bytes are the largest that a decoder makes of a byte.
            said, found = child.receive(16 * limits.max_member_bytes + (1 << 20))
        except ChildGone as error:
            struck = watch.struck
            self.close()
            if struck:
                allows = f"{setting_name('max_decode_seconds')} allows more time."
                raise self._refused(f"was stopped after {seconds} s", allows) from error
            raise self._refused("crashed") from error
        finally:
            watch.until = None
        if said.get("memory"):
            self.close()
            raise self._refused("ran out of memory", f"{setting_name('max_decode_bytes')} allows more memory.")
        if "failed" in said:
            raise self._refused("failed")
        return said, found

    def _running(self) -> tuple[Child, _Watch]:
        if self._owner != os.getpid():  # a fork of this process must not share the pipes
            self._child = self._watch = None
        if self._child is not None and self._watch is not None and self._child.alive:
            return self._child, self._watch
        self.close()
        try:
            child = Child(self._entry, self._paths)
        except OSError as error:
            why = f"{self._what}: no process could be started for {self._who}."
            raise InputRefused(why, "Close other programs.", self._code) from error
        self._child, self._watch, self._owner = child, _Watch(child), os.getpid()
        self._watch.until = time.monotonic() + _START_SECONDS
        self._watch.start()
        try:
            child.receive(0)
        except ChildGone as error:
            self.close()
            raise self._refused("did not start") from error
        self._watch.until = None
        return self._child, self._watch

    def _refused(self, why: str, allows: str = "") -> InputRefused:
        todo = f"{self._todo.removesuffix('.')}; {allows}" if allows else self._todo
        return InputRefused(f"{self._what}: {self._who} {why}.", todo, self._code)


def tell(log: FindingLog, said: dict[str, Any]) -> None:
    """Findings of a child into the log, and its error raised here."""
    for level, code, message, where in said["findings"]:
        log.add(cast("Level", level), code, message, where)
    if "error" in said:
        raise error_from_dict(said["error"])
