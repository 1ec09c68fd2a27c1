"""Processes that read the chunks of an import side by side; one that dies costs an image, never the import.

`main` is what such a process runs.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import queue
import signal
import struct
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Self

from nscweb.core.errors import NscwebError
from nscweb.io.decode.child_process import Child, ChildGone, error_as_dict, error_from_dict, own_pipes, receive, send
from nscweb.io.decode.process_objects import pack, unpack

if TYPE_CHECKING:
    from nscweb.io.survey.survey import Survey
    from nscweb.services.study.import_chunks import ChunkMark, ChunkPlan


_MOST_PLAN = 1 << 40
AT = struct.Struct("<q")


def main() -> None:
    """Read chunks until nobody asks any more; ends at once when the parent does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, whose end closes the pipe
    questions, answers = own_pipes()
    plans: queue.Queue[tuple[dict[str, Any], bytes]] = queue.Queue()
    threading.Thread(target=_listen, args=(questions, plans), daemon=True).start()
    import cv2

    from nscweb.services.study import import_chunks  # noqa: F401 - what takes time to import is imported before work comes

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
    from nscweb.services.study.import_chunks import read_chunk

    with plan.path("at").open("r+b") as stream, mmap.mmap(stream.fileno(), AT.size) as place:
        pack = AT.pack_into
        watch(part, lambda position: pack(place, 0, position), plan.left_out)
        try:
            return read_chunk(part, plan, never_cancelled, report)
        finally:
            watch(part, nobody_watches, ())
            release(part)


ENTRY = "nscweb.services.study.import_pool:main"
PATHS: tuple[Path, ...] = ()
# More processes than this wait for the disk and not for the processor.
MOST_WORKERS = 4
# An import that ends so many processes has another reason than a few bad images.
MOST_DEATHS = 50
# A process that stays at one cell for so long will never come back.
STALL_SECONDS = 600.0
_NOT_YET = -1


def worker_count(threads: int | None) -> int:
    """How many processes read an import: one per core, or as many as the setting allows."""
    if threads is not None:
        return max(1, min(threads, MOST_WORKERS))
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(usable, MOST_WORKERS))


class ImportPool:
    """Reads chunks in the order given. Use it as a context manager; leaving it ends the processes.

    Args:
        workers: number of processes.
        environment: their variables.
        chunks: (plan, makes the excerpt of the survey to read it from).
    """

    def __init__(
        self, workers: int, environment: Mapping[str, str], chunks: Sequence[tuple[ChunkPlan, Callable[[], Survey]]]
    ) -> None:
        self._environment = {**environment, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        self._waiting = deque(chunks)
        self._changed = threading.Condition()
        self._done: set[Path] = set()
        self._cells = 0
        self._failed: BaseException | None = None
        self._closing = False
        self._deaths = 0
        self._drivers = [_Driver(self, number) for number in range(min(workers, max(1, len(chunks))))]

    def __enter__(self) -> Self:
        for driver in self._drivers:
            driver.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing = True
        for driver in self._drivers:
            driver.stop()
        for driver in self._drivers:
            driver.join()

    @property
    def cells(self) -> int:
        """Cells read so far, as the survey counts them."""
        with self._changed:
            return self._cells + sum(driver.cells for driver in self._drivers)

    def finished(self, plan: ChunkPlan, seconds: float) -> bool:
        """Wait for a chunk at most so long; True when it is finished.

        Raises:
            NscwebError: what stopped a process, such as a full disk.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._failed or plan.stem in self._done, seconds)
            if self._failed is not None:
                raise self._failed
            for driver in self._drivers:
                driver.end_if_stalled()
            return plan.stem in self._done

    def next_chunk(self) -> tuple[ChunkPlan, Callable[[], Survey]] | None:
        """For a driver: what to read next."""
        with self._changed:
            return self._waiting.popleft() if self._waiting and not self._closing else None

    def tell_done(self, plan: ChunkPlan, driver: _Driver) -> None:
        """For a driver: a chunk is finished."""
        with self._changed:
            self._done.add(plan.stem)
            self._cells += plan.stop - plan.start
            driver.cells = 0
            self._changed.notify_all()

    def tell_failed(self, error: BaseException) -> None:
        """For a driver: something stopped it that concerns the whole import."""
        with self._changed:
            if self._failed is None and not self._closing:
                self._failed = error
            self._changed.notify_all()

    def count_death(self) -> None:
        """For a driver: its process ended.

        Raises:
            NscwebError: too many did.
            ChildGone: the pool is being closed.
        """
        if self._closing:
            raise ChildGone("The import was stopped.")
        with self._changed:
            self._deaths += 1
            if self._deaths > MOST_DEATHS:
                raise NscwebError(
                    f"The processes that read the images ended {MOST_DEATHS} times, so the import was stopped.",
                    "Close other programs if memory is short, and start the import again; it goes on where it was.",
                    "E-IMPORT-PROCESS",
                )

    def new_child(self) -> Child:
        """For a driver; raises OSError when no process can be started."""
        return Child(ENTRY, PATHS, self._environment)


class _Driver(threading.Thread):
    """Hands chunks to one process and starts it again when it died."""

    def __init__(self, pool: ImportPool, number: int) -> None:
        super().__init__(name=f"import-{number}", daemon=True)
        self._pool = pool
        self._child: Child | None = None
        self._plan: ChunkPlan | None = None
        self._place, self._since = _NOT_YET, 0.0
        self.cells = 0

    def run(self) -> None:
        try:
            while (chunk := self._pool.next_chunk()) is not None:
                self._read(*chunk)
                self._pool.tell_done(chunk[0], self)
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
            self._pool.tell_failed(error)
        finally:
            child, self._child = self._child, None
            if child is not None:
                child.close()

    def stop(self) -> None:
        child = self._child
        if child is not None:
            child.kill()

    def end_if_stalled(self) -> None:
        plan, child = self._plan, self._child
        if plan is None or child is None:
            return
        place, now = _place(plan), time.monotonic()
        if place != self._place or self._since == 0.0:
            self._place, self._since = place, now
        elif now - self._since > STALL_SECONDS:
            self._since = now
            child.kill()

    def _read(self, plan: ChunkPlan, excerpt: Callable[[], Survey]) -> None:
        plan.stem.parent.mkdir(parents=True, exist_ok=True)
        part = excerpt()
        try:
            parcel = pack(part)
        except TypeError:  # something in it cannot travel
            self._read_here(part, plan)
            return
        for attempt in _attempts(plan):
            plan.path("at").write_bytes(AT.pack(_NOT_YET))
            self._plan, self._since = plan, 0.0
            try:
                self._ask(parcel, attempt.plan)
                return
            except ChildGone:
                if self._child is not None:
                    self._child.close()
                    self._child = None
                self._pool.count_death()
                attempt.died_at = _place(plan)
            except OSError:
                attempt.plan = replace(plan, careful=True)
            finally:
                self._plan = None
            if attempt.plan.careful and attempt.died_at == _NOT_YET:
                # No process can be started, or none lives to its first cell.
                self._read_here(part, attempt.plan)
                return

    def _read_here(self, part: Survey, plan: ChunkPlan) -> None:
        """Slower, because all drivers share one processor, but it works."""
        plan.path("at").write_bytes(AT.pack(_NOT_YET))
        read_watched(part, plan, self._report)

    def _ask(self, parcel: tuple[Any, bytes], plan: ChunkPlan) -> None:
        if self._child is None or not self._child.alive:
            if self._child is not None:
                self._child.close()
            self._child = self._pool.new_child()
        (part, cells), (about, more) = parcel, pack(plan)
        self._child.send({"part": part, "plan": about, "split": len(cells)}, cells + more)
        while True:
            said, _ = self._child.receive(0)
            if "cells" in said:
                self._report(int(said["cells"]))
            elif "error" in said:
                raise error_from_dict(said["error"])
            elif "bug" in said:
                raise RuntimeError(str(said["bug"]))
            else:
                return

    def _report(self, cells: int) -> None:
        self.cells = cells


class _Attempt:
    def __init__(self, plan: ChunkPlan) -> None:
        self.plan = plan
        self.died_at = _NOT_YET


def _attempts(plan: ChunkPlan) -> Iterator[_Attempt]:
    """As planned; then in a fresh process, cell by cell; then without each cell at which that one died."""
    attempt = _Attempt(plan)
    yield attempt
    out: tuple[int, ...] = ()
    while True:
        attempt = _Attempt(replace(plan, careful=True, left_out=out))
        yield attempt
        out = (*out, attempt.died_at)


def _place(plan: ChunkPlan) -> int:
    """The cell that the process was at, counted from the beginning of the chunk; -1 before the first."""
    try:
        (place,) = AT.unpack(plan.path("at").read_bytes())
    except (OSError, struct.error):
        return _NOT_YET
    return int(place)
