"""Asking for work and looking at it: what pages and commands know of jobs."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nscweb.store.job_rows import JobRow

if TYPE_CHECKING:
    from nscweb.services.context import App

STALE_SECONDS = 12.0


@dataclass(frozen=True)
class JobView:
    """A job as a page shows it.

    Attributes:
        job_id: in the address of the page, so that it is found again.
        kind: a name in `nscweb.jobs.tasks.KINDS`.
        state: queued, running, interrupted, done, failed, cancelled.
        done, total: cells; `total` is 0 when not known.
        cells_per_second, seconds_left: None when not known.
        step: what is being done.
        message: why it ended, when it did not end well.
        result: what the task gave back.
        position: place in the queue, 1 is next.
    """

    job_id: str
    kind: str
    state: str
    done: int
    total: int
    cells_per_second: float | None
    seconds_left: float | None
    step: str
    message: str
    result: dict[str, Any]
    position: int = 0


class _Heartbeats:
    """When this process last saw a job's heartbeat change, on a clock that never jumps."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[tuple[str, str], tuple[int, float]] = {}

    def age(self, url: str, job: JobRow) -> float:
        now = time.monotonic()
        with self._lock:
            beat, since = self._seen.get((url, job.job_id), (None, now))
            if beat != job.beat:
                since = now
            self._seen[url, job.job_id] = (job.beat, since)
            return now - since


_HEARTBEATS = _Heartbeats()


def submit(app: App, kind: str, payload: dict[str, Any], key: str | None = None) -> JobView:
    """Ask for work. The same work asked twice while it waits or runs is one job.

    Args:
        kind: a name in `nscweb.jobs.tasks.KINDS`.
        payload: arguments, anything JSON can hold.
        key: what makes two requests the same; None takes kind and payload.
    """
    text = json.dumps(payload, sort_keys=True)
    chosen = key or f"{kind}-{hashlib.sha256(text.encode('utf-8')).hexdigest()[:24]}"
    return view(app, app.catalogue.add_job(kind, payload, chosen, app.clock()))


def view(app: App, job_id: str) -> JobView:
    """The job of that id as it is now. A job whose worker has gone silent is marked interrupted on the way.

    Raises:
        JobNotFound: there is no such job.
    """
    job = app.catalogue.job(job_id)
    if job.state == "running" and _HEARTBEATS.age(app.settings.database_url, job) > STALE_SECONDS:
        app.catalogue.interrupt_job(job.job_id, job.beat)
        job = app.catalogue.job(job_id)
    return _view(job)


def active(app: App, kind: str | None = None) -> list[JobView]:
    """Jobs that wait or run, oldest first."""
    found = [job for job in app.catalogue.jobs() if job.state in ("queued", "running", "interrupted")]
    return [view(app, job.job_id) for job in reversed(found) if kind is None or job.kind == kind]


def cancel(app: App, job_id: str) -> None:
    """Ask a job to stop; it does so after the chunk that it works on."""
    app.catalogue.cancel_job(job_id)


def wait(app: App, job_id: str, timeout_s: float) -> JobView:
    """Wait until a job has ended or the time is over, and return it as it is then."""
    until = time.monotonic() + timeout_s
    while True:
        found = view(app, job_id)
        if found.state in ("done", "failed", "cancelled") or time.monotonic() > until:
            return found
        time.sleep(0.1)


def _view(job: JobRow) -> JobView:
    return JobView(
        job_id=job.job_id,
        kind=job.kind,
        state=job.state,
        done=job.done,
        total=job.total,
        cells_per_second=job.rate,
        seconds_left=job.seconds_left,
        step=job.step,
        message=job.message,
        result=job.result,
        position=job.position,
    )
