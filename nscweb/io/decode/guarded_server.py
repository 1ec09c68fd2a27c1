"""The other side of `GuardedChild`: answers within limits of memory and time until its pipe closes."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.io.decode.child_process import ChildGone, own_pipes, receive, send

# (what is asked, the bytes with it) -> (what is said, bytes).
Answer = Callable[[dict[str, Any], bytes], tuple[dict[str, Any], bytes]]
# Should the parent be gone while a decoder hangs, the child ends itself this much after the time limit.
_GRACE_SECONDS = 5
_MOST_FILE = 1 << 40


def serve(make: Callable[[], Answer]) -> None:
    """Answer until nobody asks any more.

    Args:
        make: imports what is needed and returns the function that answers; called once, before the first question.
    """
    # One thread per library: each would take address space, which is limited here.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.putenv(name, "1")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, whose end closes the pipe
    with contextlib.suppress(OSError):
        # When memory runs out all the same, Linux ends this process before any other of ours.
        Path("/proc/self/oom_score_adj").write_text("500")
    questions, answers = own_pipes()
    answer = make()
    send(answers, {"ready": True})
    memory = 0
    with contextlib.suppress(ChildGone, BrokenPipeError):
        while True:
            asked, data = receive(questions, _MOST_FILE)
            most = Limits(**asked["limits"]).max_decode_bytes
            if most != memory:
                memory = most
                _limit_memory(memory)
            _self_destruct(asked["seconds"])
            try:
                reply, found = answer(asked, data)
            except MemoryError:
                send(answers, {"memory": True})
                return  # a fresh process starts with all of its memory
            except RecursionError:
                reply, found = {"memory": True}, b""
            except Exception as error:  # noqa: BLE001 - whatever a decoder does, it concerns one file only
                reply, found = {"failed": f"{type(error).__name__}: {error}"[:300]}, b""
            _self_destruct(0)
            send(answers, reply, found)


def told(log: FindingLog, since: int = 0) -> list[list[str]]:
    """Findings for a header, without the first `since`."""
    return [[item.level, item.code, item.message, item.where] for item in list(log)[since:]]


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
