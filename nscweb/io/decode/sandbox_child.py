"""The other side of `io.sandbox`: decodes what it is sent, within limits, until its pipe closes."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from nscweb.core.errors import NscwebError
from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.io.decode.child_process import ChildGone, error_as_dict, own_pipes, receive, send

if TYPE_CHECKING:
    from nscweb.io.pixels.image_pages import ImagePages

Decode = Callable[[bytes, str, Limits, FindingLog], "ImagePages"]
# Should the parent be gone while a decoder hangs, the child ends itself this much after the time limit.
_GRACE_SECONDS = 5
_MOST_FILE = 1 << 40


def main(decode: Decode | None = None) -> None:
    """Answer until nobody asks any more.

    Args:
        decode: instead of `io.decode.decode`, for tests.
    """
    # One thread per library: each would take address space, which is limited here.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.putenv(name, "1")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, whose end closes the pipe
    with contextlib.suppress(OSError):
        # When memory runs out all the same, Linux ends this process before any other of ours.
        Path("/proc/self/oom_score_adj").write_text("500")
    questions, answers = own_pipes()
    if decode is None:
        from nscweb.io.decode.image import decode as usual

        decode = usual
    send(answers, {"ready": True})
    with contextlib.suppress(ChildGone, BrokenPipeError):
        _Server(decode, questions, answers).run()


class _Server:
    def __init__(self, decode: Decode, questions: BinaryIO, answers: BinaryIO) -> None:
        self._decode, self._questions, self._answers = decode, questions, answers
        self._pages: ImagePages | None = None
        self._log, self._count = FindingLog(), 0
        self._memory = 0

    def run(self) -> None:
        while True:
            asked, data = receive(self._questions, _MOST_FILE)
            _self_destruct(asked["seconds"])
            try:
                reply, pixels = self._answer(asked, data)
            except MemoryError:
                self._pages = None
                send(self._answers, {"memory": True})
                return  # a fresh process starts with all of its memory
            except RecursionError:
                reply, pixels = {"memory": True}, b""
            except Exception as error:  # noqa: BLE001 - whatever a decoder does, it concerns one image only
                reply, pixels = {"failed": f"{type(error).__name__}: {error}"[:300]}, b""
            _self_destruct(0)
            send(self._answers, reply, pixels)

    def _answer(self, asked: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
        if "plane" in asked:
            reply, pixels = self._plane(asked["plane"])
            return {"plane": reply}, pixels
        limits = Limits(**asked["limits"])
        if limits.max_decode_bytes != self._memory:
            self._memory = limits.max_decode_bytes
            _limit_memory(self._memory)
        self._pages, self._log, self._count = None, FindingLog(), 0
        try:
            pages = self._pages = self._decode(data, asked["where"], limits, self._log)
        except NscwebError as error:
            return {"findings": self._told(), "error": error_as_dict(error)}, b""
        reply = {"findings": self._told(), "names": list(pages.names), "kind": pages.kind, "simulated": pages.simulated}
        if len(pages) > 1 or not asked["eager"]:
            return reply, b""
        reply["plane"], pixels = self._plane(0)
        return reply, pixels

    def _plane(self, plane: int) -> tuple[dict[str, Any], bytes]:
        assert self._pages is not None
        try:
            pixels = self._pages.load(plane)
        except NscwebError as error:
            return {"findings": self._told(), "error": error_as_dict(error)}, b""
        about = {"findings": self._told(), "shape": list(pixels.shape), "dtype": pixels.dtype.str}
        return about, pixels.tobytes()

    def _told(self) -> list[list[str]]:
        """Findings since the last answer. The log stays the same, because `load` of a file adds to it."""
        fresh = list(self._log)[self._count :]
        self._count += len(fresh)
        return [[item.level, item.code, item.message, item.where] for item in fresh]


def _limit_memory(more: int) -> None:
    """Allow `more` bytes beyond what the program itself takes, where the system can limit that."""
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
        allowed = pages * resource.getpagesize() + more
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        if hard != resource.RLIM_INFINITY:
            allowed = min(allowed, hard)
        resource.setrlimit(resource.RLIMIT_AS, (allowed, hard))
    except (ImportError, OSError, ValueError):
        return  # Windows and macOS


def _self_destruct(seconds: float) -> None:
    """End this process some time after `seconds`, whatever it does by then; 0 calls it off."""
    if hasattr(signal, "setitimer"):
        # The signal's own way of ending a process works also while a decoder written in C runs.
        signal.setitimer(signal.ITIMER_REAL, seconds + _GRACE_SECONDS if seconds else 0)
    elif seconds:
        faulthandler.dump_traceback_later(seconds + _GRACE_SECONDS, exit=True, file=os.open(os.devnull, os.O_WRONLY))
    else:
        faulthandler.cancel_dump_traceback_later()
