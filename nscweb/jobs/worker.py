"""The worker process: takes jobs from the catalogue one by one, lives as long as its lock."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
import traceback
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from nscweb.core.errors import CatalogueLocked, JobCancelled, NscwebError
from nscweb.jobs.lock import WorkerLock
from nscweb.jobs.tasks import AGAIN_SINCE, TASKS, Task
from nscweb.store.job_rows import JobRow

if TYPE_CHECKING:
    from nscweb.services.context import App

log = logging.getLogger("nscweb.worker")
BEAT_SECONDS = 1.0
IDLE_SECONDS = 0.4


class _Stop(Exception):
    """The worker was asked to end; the job goes back to the queue."""


class _Beat(threading.Thread):
    """Writes heartbeat and progress of one job from its own thread, so that a long step does not look dead.

    The job's own thread only leaves numbers here: it never waits for the catalogue.
    """

    def __init__(self, app: App, job: JobRow, worker: str) -> None:
        super().__init__(name=f"heartbeat-{job.job_id}", daemon=True)
        self._app, self._job, self._worker = app, job, worker
        self._over = threading.Event()
        self._began = time.monotonic()
        self._first: tuple[float, int] | None = None
        self.latest: dict[str, Any] = {}
        self.stop_asked = False

    def progress(self, done: int, total: int, step: str = "") -> None:
        """Called by the task. The rate counts from the first cells of this attempt, so a resumed run is honest."""
        now = time.monotonic()
        if self._first is None or done < self._first[1]:
            self._first = (now, done)
        spent, made = now - self._first[0], done - self._first[1]
        rate = made / spent if spent > 0.5 and made > 0 else None
        left = (total - done) / rate if rate and total else None
        self.latest = dict(done=done, total=total, step=step, rate=rate, seconds_left=left)

    def write(self) -> None:
        try:
            self.stop_asked = self._app.catalogue.beat(self._job.job_id, self._worker, **self.latest)
        except CatalogueLocked:
            log.warning("job %s: the catalogue was locked for a heartbeat", self._job.job_id)

    def run(self) -> None:
        while not self._over.wait(BEAT_SECONDS / 2):
            self.write()

    def end(self) -> None:
        self._over.set()
        self.join()


class Worker:
    """One worker on one data folder. `run` returns when asked to stop, when the parent is gone, or when idle too long.

    Args:
        tasks: what it can do; tests hand in their own.
        parent: process id whose end ends the worker, None to live on.
    """

    def __init__(self, app: App, tasks: Mapping[str, Task] = TASKS, parent: int | None = None) -> None:
        self._app, self._tasks, self._parent = app, tasks, parent
        self.name = f"{os.getpid()}-{uuid4().hex[:8]}"
        self._stopping = False

    def stop(self, *_: object) -> None:
        """End after the current chunk; safe to call from a signal handler."""
        self._stopping = True

    def run(self, once: bool = False) -> int:
        """Work until stopped; with `once` until the queue is empty. Returns the number of jobs done.

        Raises:
            JobError: another worker holds this data folder.
        """
        ended = 0
        with WorkerLock(self._app.folder.lock_path):
            interrupted = self._app.catalogue.interrupt_all()
            if interrupted:
                log.info("%d jobs of a worker that died are taken up again", interrupted)
            while not self._stopping and self._parent_lives():
                job = self._claim()
                if job is not None:
                    ended += self._do(job)
                elif once:
                    break
                else:
                    time.sleep(IDLE_SECONDS)
        return ended

    def _claim(self) -> JobRow | None:
        try:
            return self._app.catalogue.claim_next(self.name)
        except CatalogueLocked:
            return None

    def _do(self, job: JobRow) -> int:
        log.info("job %s (%s), attempt %d", job.job_id, job.kind, job.attempts)
        beat = _Beat(self._app, job, self.name)
        beat.start()
        state, message, result = "failed", "", {}
        try:
            task = self._tasks.get(job.kind)
            if task is None:
                raise NscwebError(f"This worker does not know the task {job.kind!r}.", "Restart the program.")
            payload = job.payload if job.attempts < 2 else {**job.payload, AGAIN_SINCE: job.created_utc}
            result = task(self._app, payload, beat.progress, lambda: self._cancelled(beat))
            state = "done"
        except _Stop:
            state, message = "queued", "The program was closed; the job goes on at the next start."
        except JobCancelled as error:
            state, message = "cancelled", str(error)
        except NscwebError as error:
            message = str(error)
            # A refused import knows every file that it looked at; the page lists them.
            report = getattr(error, "report", None)
            result = report.as_dict() if report is not None else {}
            log.warning("job %s: %s", job.job_id, message)
        except MemoryError:
            message = "There was not enough memory for this job. Close other programs, or use smaller parts."
        except Exception:  # noqa: BLE001 - whatever a task does, the worker lives on and the user gets an id to report
            error_id = uuid4().hex[:8]
            log.error("job %s, error %s\n%s", job.job_id, error_id, traceback.format_exc())
            message = f"Something went wrong that nscweb did not expect (error id {error_id}); see logs/worker.log."
        beat.end()
        beat.write()
        self._app.catalogue.end_job(job.job_id, self.name, state, message=message, result=result)
        return int(state == "done")

    def _cancelled(self, beat: _Beat) -> bool:
        if self._stopping or not self._parent_lives():
            raise _Stop
        return beat.stop_asked

    def _parent_lives(self) -> bool:
        if self._parent is None:
            return True
        import psutil

        return psutil.pid_exists(self._parent)


def main(app: App, *, tasks: Mapping[str, Task] = TASKS, parent: int | None = None, once: bool = False) -> int:
    """Run a worker in this process with logging to ``logs/worker.log`` and a clean end on SIGTERM and SIGINT.

    Raises:
        JobError: another worker holds this data folder.
    """
    handler = logging.FileHandler(app.folder.logs_dir / "worker.log", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    worker = Worker(app, tasks, parent)
    for name in ("SIGTERM", "SIGINT"):
        signal.signal(getattr(signal, name), worker.stop)
    try:
        return worker.run(once=once)
    finally:
        log.removeHandler(handler)
        handler.close()
