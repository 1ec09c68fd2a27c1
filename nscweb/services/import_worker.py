"""A process that reads chunks of an import: the other side of `services.import_pool`."""

from __future__ import annotations

import contextlib
import mmap
import os
import queue
import signal
import struct
import threading
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, BinaryIO

from nscweb.core.errors import NscwebError
from nscweb.io.decode.child_process import ChildGone, error_as_dict, own_pipes, receive, send
from nscweb.io.decode.process_objects import unpack

if TYPE_CHECKING:
    from nscweb.io.survey.survey import Survey
    from nscweb.services.import_chunks import ChunkMark, ChunkPlan

_MOST_PLAN = 1 << 40
AT = struct.Struct("<q")


def main() -> None:
    """Read chunks until nobody asks any more; ends at once when the parent does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, whose end closes the pipe
    questions, answers = own_pipes()
    plans: queue.Queue[tuple[dict[str, Any], bytes]] = queue.Queue()
    threading.Thread(target=_listen, args=(questions, plans), daemon=True).start()
    import cv2

    from nscweb.services import import_chunks  # noqa: F401 - what takes time to import is imported before work comes

    cv2.setNumThreads(1)  # one process per core
    while True:
        said, payload = plans.get()
        split = said["split"]
        part, plan = unpack(said["part"], payload[:split]), unpack(said["plan"], payload[split:])
        _answer(part, plan, answers)


def _listen(questions: BinaryIO, plans: queue.Queue[tuple[dict[str, Any], bytes]]) -> None:
    """In a thread of its own, so that the end of the parent is noticed in the middle of a chunk."""
    with contextlib.suppress(ChildGone, OSError):
        while True:
            plans.put(receive(questions, _MOST_PLAN))
    os._exit(0)


def _answer(part: Survey, plan: ChunkPlan, answers: BinaryIO) -> None:
    try:
        mark = read_watched(part, plan, lambda cells: send(answers, {"cells": cells}))
        send(answers, {"done": mark.cells})
    except MemoryError:
        os._exit(3)  # a fresh process tries again
    except NscwebError as error:
        send(answers, {"error": error_as_dict(error)})
    except Exception:  # noqa: BLE001 - told to the parent, which raises it
        send(answers, {"bug": traceback.format_exc()})


def read_watched(part: Survey, plan: ChunkPlan, report: Callable[[int], None]) -> ChunkMark:
    """Read a chunk; where it is stands in a small mapped file, which outlives this process."""
    from nscweb.core.progress import never_cancelled
    from nscweb.io.survey.cell_reader import nobody_watches
    from nscweb.io.survey.cut_out import release, watch
    from nscweb.services.import_chunks import read_chunk

    with plan.path("at").open("r+b") as stream, mmap.mmap(stream.fileno(), AT.size) as place:
        pack = AT.pack_into
        watch(part, lambda position: pack(place, 0, position), plan.left_out)
        try:
            return read_chunk(part, plan, never_cancelled, report)
        finally:
            watch(part, nobody_watches, ())
            release(part)
