"""Rows of the job queue: asked, claimed, beating, ended. What a job does is not known here."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, Row, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from nscweb.core.errors import JobNotFound
from nscweb.store import schema as tables
from nscweb.store.database import reading, transaction

ACTIVE = ("queued", "running", "interrupted")
MAX_ATTEMPTS = 3


@dataclass(frozen=True)
class JobRow:
    """A job as the catalogue has it.

    Attributes:
        job_id: ``j000031``; order of ids is order of asking.
        kind: which task.
        key: equal for equal work.
        payload: arguments of the task.
        state: queued, running, interrupted (its worker is gone; it will be taken up again), done, failed, cancelled.
        beat: changes every few seconds while the worker lives; compared, never read as a time of day.
        attempts: how often it was begun.
        done, total: cells.
        rate: cells per second.
        seconds_left: None when not known.
        position: place in the queue, 1 is next; 0 when it is not waiting.
    """

    job_id: str
    kind: str
    key: str
    payload: dict[str, Any]
    state: str
    created_utc: str
    worker: str
    beat: int
    attempts: int
    cancel: bool
    done: int
    total: int
    rate: float | None
    seconds_left: float | None
    step: str
    message: str
    result: dict[str, Any] = field(default_factory=dict)
    position: int = 0


class JobTable:
    """The queue on an open database."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def close(self) -> None:
        """Let go of the database."""
        self.engine.dispose()

    def add_job(self, kind: str, payload: dict[str, Any], key: str, created_utc: str) -> str:
        """Ask for work and return the id; the same key while it waits or runs gives the job that is there."""
        values = dict(
            kind=kind, key=key, active_key=key, payload=json.dumps(payload), state="queued", created_utc=created_utc
        )
        table = tables.jobs
        for _ in range(3):
            try:
                with transaction(self.engine) as connection:
                    there = connection.scalar(select(table.c.id).where(table.c.active_key == key))
                    if there is None:
                        made = connection.execute(insert(table).values(**values)).inserted_primary_key
                        assert made is not None
                        there = made[0]
                return f"j{there:06d}"
            except IntegrityError:
                continue  # on PostgreSQL two askers can pass the look-up together; the second looks again
        raise JobNotFound("The job could not be queued.", "Try again.")

    def claim_next(self, worker: str) -> JobRow | None:
        """Take the job with the lowest id that waits or was interrupted, or None."""
        table = tables.jobs
        waiting = or_(table.c.state == "queued", table.c.state == "interrupted")
        with transaction(self.engine) as connection:
            row = connection.execute(select(table).where(waiting).order_by(table.c.id).limit(1)).first()
            if row is None:
                return None
            changes: dict[str, Any] = dict(
                state="running", worker=worker, attempts=row.attempts + 1, beat=row.beat + 1, message=""
            )
            if row.cancel:
                changes.update(state="cancelled", active_key=None)
            elif row.attempts >= MAX_ATTEMPTS:
                changes.update(
                    state="failed",
                    active_key=None,
                    message=f"The worker died {row.attempts} times in this job; see the log in the data folder.",
                )
            connection.execute(update(table).where(table.c.id == row.id).values(**changes))
        found = self.job(f"j{row.id:06d}")
        return found if found.state == "running" else self.claim_next(worker)

    def beat(self, job_id: str, worker: str, **progress: Any) -> bool:
        """Say that the worker lives, with progress. True when the user asked to stop or the job is not his any more."""
        table = tables.jobs
        mine = (table.c.id == _number(job_id), table.c.worker == worker, table.c.state == "running")
        with transaction(self.engine) as connection:
            connection.execute(update(table).where(*mine).values(beat=table.c.beat + 1, **progress))
            row = connection.execute(select(table.c.cancel, table.c.state).where(*mine)).first()
        return row is None or bool(row.cancel)

    def end_job(
        self, job_id: str, worker: str, state: str, *, message: str = "", result: dict[str, Any] | None = None
    ) -> None:
        """Close a job as done, failed or cancelled, or hand it back as queued."""
        table = tables.jobs
        changes: dict[str, Any] = dict(state=state, message=message, result=json.dumps(result or {}))
        if state == "queued":
            changes["attempts"] = table.c.attempts - 1  # handing back politely is no failed attempt
        else:
            changes["active_key"] = None
        mine = (table.c.id == _number(job_id), table.c.worker == worker)
        with transaction(self.engine) as connection:
            connection.execute(update(table).where(*mine).values(**changes))

    def interrupt_job(self, job_id: str, beat: int) -> bool:
        """Mark a running job whose heartbeat still is `beat` as interrupted. False when it has moved on."""
        table = tables.jobs
        where = (table.c.id == _number(job_id), table.c.state == "running", table.c.beat == beat)
        with transaction(self.engine) as connection:
            changes = dict(state="interrupted", message="The worker stopped in this job.")
            return bool(connection.execute(update(table).where(*where).values(**changes)).rowcount)

    def interrupt_all(self) -> int:
        """Mark every running job as interrupted; only for the one worker that has just taken the lock."""
        table = tables.jobs
        with transaction(self.engine) as connection:
            changes = dict(state="interrupted", message="The worker stopped in this job.")
            return int(connection.execute(update(table).where(table.c.state == "running").values(**changes)).rowcount)

    def cancel_job(self, job_id: str) -> None:
        """Ask a job to stop. One that waits is cancelled at once."""
        table = tables.jobs
        number = _number(job_id)
        with transaction(self.engine) as connection:
            connection.execute(update(table).where(table.c.id == number).values(cancel=True))
            waiting = (table.c.id == number, table.c.state.in_(("queued", "interrupted")))
            connection.execute(update(table).where(*waiting).values(state="cancelled", active_key=None))

    def job(self, job_id: str) -> JobRow:
        """The job of that id. JobNotFound when there is none."""
        table = tables.jobs
        try:
            number = _number(job_id)
        except ValueError:
            number = -1
        with reading(self.engine) as connection:
            row = connection.execute(select(table).where(table.c.id == number)).first()
            if row is None:
                raise JobNotFound(f"There is no job {job_id!r}.", "Start the task again.")
            ahead = 0
            if row.state == "queued":
                where = (table.c.id <= number, table.c.state == "queued")
                ahead = int(connection.scalar(select(func.count()).select_from(table).where(*where)) or 0)
        return _job(row, ahead)

    def jobs(self, state: str | None = None, limit: int = 100) -> list[JobRow]:
        """Jobs, newest first."""
        table = tables.jobs
        chosen = select(table).order_by(table.c.id.desc()).limit(limit)
        if state is not None:
            chosen = chosen.where(table.c.state == state)
        with reading(self.engine) as connection:
            return [_job(row, 0) for row in connection.execute(chosen)]


def _job(row: Row[Any], position: int) -> JobRow:
    return JobRow(
        job_id=f"j{row.id:06d}",
        kind=row.kind,
        key=row.key,
        payload=json.loads(row.payload),
        state=row.state,
        created_utc=row.created_utc,
        worker=row.worker,
        beat=row.beat,
        attempts=row.attempts,
        cancel=bool(row.cancel),
        done=row.done,
        total=row.total,
        rate=row.rate,
        seconds_left=row.seconds_left,
        step=row.step,
        message=row.message,
        result=json.loads(row.result),
        position=position,
    )


def _number(job_id: str) -> int:
    return int(job_id[1:])
