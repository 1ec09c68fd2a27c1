"""The queue: one job per piece of work, in order, cancelled, failed, interrupted, taken up again."""

from __future__ import annotations

from pathlib import Path

import pytest

from nscweb.core.errors import InputRefused, JobError, JobNotFound
from nscweb.core.progress import stop_if_asked
from nscweb.jobs import queue
from nscweb.jobs.lock import WorkerLock, holder, is_locked
from nscweb.jobs.worker import Worker
from nscweb.services.context import App, open_app
from nscweb.settings import Settings


@pytest.fixture
def app(tmp_path: Path) -> App:
    return open_app(Settings.from_environment({}, tmp_path / "data"))


def count_to(app: App, payload, progress, cancel):
    for number in range(payload["to"]):
        stop_if_asked(cancel)
        progress(number + 1, payload["to"], "Counting")
    return {"sum": payload["to"]}


def refuse(app: App, payload, progress, cancel):
    raise InputRefused("a.zip is not a zip archive.", "Pack the export as zip.")


def break_down(app: App, payload, progress, cancel):
    raise KeyError("secret detail")


TASKS = {"count": count_to, "refuse": refuse, "break": break_down}


def test_the_same_work_asked_twice_is_one_job_until_it_has_ended(app: App) -> None:
    first = queue.submit(app, "count", {"to": 3})
    assert queue.submit(app, "count", {"to": 3}).job_id == first.job_id
    assert queue.submit(app, "count", {"to": 4}).job_id != first.job_id
    assert Worker(app, TASKS).run(once=True) == 2
    assert queue.submit(app, "count", {"to": 3}).job_id not in (first.job_id, "")


def test_the_place_in_the_queue_and_the_result_are_shown(app: App) -> None:
    jobs = [queue.submit(app, "count", {"to": number}) for number in (1, 2, 3)]
    assert [queue.view(app, job.job_id).position for job in jobs] == [1, 2, 3]
    assert [job.job_id for job in queue.active(app)] == [job.job_id for job in jobs]
    Worker(app, TASKS).run(once=True)
    last = queue.view(app, jobs[2].job_id)
    assert (last.state, last.done, last.total, last.step, last.result) == ("done", 3, 3, "Counting", {"sum": 3})
    assert queue.active(app) == []


def test_a_refused_input_ends_the_job_with_its_sentence_and_not_the_worker(app: App) -> None:
    bad, good = queue.submit(app, "refuse", {}), queue.submit(app, "count", {"to": 1})
    Worker(app, TASKS).run(once=True)
    assert queue.view(app, bad.job_id).state == "failed"
    assert queue.view(app, bad.job_id).message == "a.zip is not a zip archive. Pack the export as zip."
    assert queue.view(app, good.job_id).state == "done"


def test_an_unexpected_fault_gives_an_id_and_keeps_its_details_out_of_the_page(app: App) -> None:
    for kind in ("break", "nobody knows this"):
        job = queue.submit(app, kind, {})
        Worker(app, TASKS).run(once=True)
        found = queue.view(app, job.job_id)
        assert found.state == "failed" and "secret" not in found.message
    assert "error id" in queue.view(app, "j000001").message


def test_a_waiting_job_is_cancelled_at_once_and_a_running_one_at_its_next_look(app: App) -> None:
    waiting = queue.submit(app, "count", {"to": 5})
    queue.cancel(app, waiting.job_id)
    assert queue.view(app, waiting.job_id).state == "cancelled"

    def cancelled_inside(app: App, payload, progress, cancel):
        queue.cancel(app, job.job_id)
        while True:
            stop_if_asked(cancel)

    job = queue.submit(app, "endless", {})
    Worker(app, {"endless": cancelled_inside}).run(once=True)
    assert queue.view(app, job.job_id).state == "cancelled"
    assert queue.submit(app, "endless", {}).job_id != job.job_id


def test_closing_the_program_hands_the_job_back(app: App) -> None:
    def closing(app: App, payload, progress, cancel):
        worker.stop()
        cancel()

    job = queue.submit(app, "slow", {})
    worker = Worker(app, {"slow": closing})
    worker.run()
    assert queue.view(app, job.job_id).state == "queued"
    assert app.catalogue.job(job.job_id).attempts == 0


def test_a_job_whose_heartbeat_stops_is_shown_as_interrupted(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    job = queue.submit(app, "count", {"to": 1})
    app.catalogue.claim_next("a worker that died")
    assert queue.view(app, job.job_id).state == "running"
    monkeypatch.setattr(queue, "STALE_SECONDS", -1.0)
    assert queue.view(app, job.job_id).state == "interrupted"
    Worker(app, TASKS).run(once=True)
    assert queue.view(app, job.job_id).state == "done"


def test_a_job_that_kills_its_worker_again_and_again_is_given_up(app: App) -> None:
    job = queue.submit(app, "count", {"to": 1})
    for _ in range(3):
        assert app.catalogue.claim_next("dies") is not None
        app.catalogue.interrupt_all()
    assert app.catalogue.claim_next("dies") is None
    assert queue.view(app, job.job_id).state == "failed" and "died 3 times" in queue.view(app, job.job_id).message


def test_an_old_worker_that_wakes_up_cannot_change_a_job_that_was_taken_over(app: App) -> None:
    job = queue.submit(app, "count", {"to": 1})
    app.catalogue.claim_next("old")
    app.catalogue.interrupt_all()
    app.catalogue.claim_next("new")
    assert app.catalogue.beat(job.job_id, "old", done=99) is True
    app.catalogue.end_job(job.job_id, "old", "done")
    assert (app.catalogue.job(job.job_id).state, app.catalogue.job(job.job_id).done) == ("running", 0)


def test_one_worker_per_data_folder(app: App) -> None:
    lock = app.folder.lock_path
    assert not is_locked(lock) and holder(lock) is None
    with WorkerLock(lock):
        assert is_locked(lock) and holder(lock) is not None
        with pytest.raises(JobError, match="already"):
            Worker(app, TASKS).run(once=True)
    assert not is_locked(lock)


def test_a_job_that_is_not_there_is_told_in_words(app: App) -> None:
    for wrong in ("j000009", "x", ""):
        with pytest.raises(JobNotFound):
            queue.view(app, wrong)


def test_a_refused_import_keeps_what_it_found(app: App, tmp_path: Path) -> None:
    bad = tmp_path / "a.zip"
    bad.write_bytes(b"Rar!\x1a\x07 not a zip")
    job = queue.submit(app, "import", {"paths": [str(bad)], "name": "Screen"})
    Worker(app).run(once=True)
    found = queue.view(app, job.job_id)
    assert found.state == "failed" and "RAR" in found.message
    assert found.result["findings"][0]["level"] == "refuse"
