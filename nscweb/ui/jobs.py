"""A running job on a page: progress, speed, time left, place in the queue, Cancel; found again by its id.

Only the row in the catalogue is read, once a second and in a fragment, so that the rest of the page stands
still and closing or reloading the tab changes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import streamlit as st

from nscweb.core.errors import JobError, JobNotFound, StudyExists
from nscweb.core.findings import Finding
from nscweb.core.plain import to_plain
from nscweb.core.samples import Study
from nscweb.jobs import queue, supervisor
from nscweb.jobs.queue import JobView
from nscweb.jobs.tasks import KINDS
from nscweb.services.context import App
from nscweb.services.fetch.downloads import STEP as DOWNLOAD_STEP
from nscweb.services.predict import demo
from nscweb.services.predict.predict_request import PredictRequest
from nscweb.services.study import study as studies
from nscweb.services.study.field_reader import FIELD_STEP
from nscweb.services.study.import_request import ImportRequest
from nscweb.ui import frame, session, show
from nscweb.ui.text import duration, html, label, plain
from nscweb.words.numbers import count

LIVING = ("queued", "running", "interrupted")


def start_import(app: App, request: ImportRequest) -> None:
    """Queue an import and keep its id in the address. StudyExists at once when the name is taken."""
    if studies.study_exists(app, request.name):
        raise StudyExists(
            f"A study called “{request.name}” exists already.", "Choose another name, or delete the old one on Home."
        )
    start(app, "import", to_plain(request))


def start_prediction(app: App, request: PredictRequest) -> None:
    """Queue a prediction; pressing twice gives the job that is there already."""
    start(app, "predict", to_plain(request))


def start(app: App, kind: str, payload: dict[str, object]) -> str:
    """Queue work with a worker to do it, keep its id in the address and return it."""
    job_id = _submit(app, kind, payload)
    session.choose("job", job_id)
    return job_id


def open_demo(app: App) -> Study | None:
    """The demo study when it is ready; otherwise its making is queued and None comes back."""
    ready = demo.find_demo(app)
    if ready is not None:
        return ready.study
    session.choose("job", _submit(app, "demo", {}))
    return None


def follow_current(app: App, kind: str, then: str = "") -> None:
    """Draw the job in the address when it is of this kind, until it ends; then show its result.

    Args:
        then: page to open when the job is done, "" to stay.
    """
    view = _current(app, kind)
    if view is None:
        return
    if view.state in LIVING:
        ensure_worker(app)
        st.fragment(run_every=1.0)(_live)(app, view.job_id)
        return
    session.choose("job", "")
    _ended(view)
    if view.state == "done":
        before = session.chosen("run")
        _take_result(app, view)
        if then:
            frame.switch_to(then)
        if session.chosen("run") != before:
            # The boxes above were drawn for the run of before; numbers of another run must not stand under this one.
            st.toast(f"Finished: run {session.chosen('run')} is shown.", icon=":material/check:")
            st.rerun()


def is_following() -> bool:
    """Whether a job is named in the address, waiting or at work."""
    return bool(session.chosen("job"))


def _take_result(app: App, view: JobView) -> None:
    result = view.result
    if view.kind in ("import", "cut", "part", "each"):
        session.choose("study", studies.get_study(app, str(result["study"])).study_id)
        _told_import(result)
    if view.kind == "merge":
        show.note(result["sentence"])
    if view.kind == "install" and result.get("kind") == "model":
        show.note(f"{plain(str(result['name']))} is installed. Read in its card where it stops before you use it.")
    for key, name in (("study", "study_id"), ("run", "run_id")):
        if result.get(name):
            session.choose(key, str(result[name]))


def _told_import(result: Mapping[str, Any]) -> None:
    said = f"Imported: {count(result['imported'], 'cell')} in {count(result['samples'], 'sample')}."
    gone = [(result["skipped"], "left out"), (result["ignored"], "without data for this study")]
    parts = [f"{count(number, 'file')} {why}" for number, why in gone if number]
    show.note(said + (f" {', '.join(parts)}: see “What was noticed”." if parts else ""))


def ensure_worker(app: App) -> None:
    """Start a worker where none is at work. It ends with this server; one that runs already is used as it is."""
    with st.spinner("Starting the worker …"):
        supervisor.ensure_worker(app.settings, parent=os.getpid())


def _submit(app: App, kind: str, payload: dict[str, object]) -> str:
    ensure_worker(app)
    return queue.submit(app, kind, payload).job_id


def _current(app: App, kind: str) -> JobView | None:
    job_id = session.chosen("job")
    if not job_id:
        return None
    try:
        view = queue.view(app, job_id)
    except JobNotFound as error:
        session.choose("job", "")
        show.problem(error)
        return None
    return view if view.kind == kind else None


def watched(app: App, job_id: str) -> JobView:
    """A living job as it stands, for a fragment: a lost worker is replaced, and the page is drawn again at its end."""
    view = queue.view(app, job_id)
    if view.state not in LIVING:
        st.rerun(scope="app")
    if view.state == "interrupted":
        ensure_worker(app)
    return view


def bar(view: JobView, text: str) -> None:
    """How far a job is."""
    st.progress(min(view.done / view.total, 1.0) if view.total else 0.0, text=label(text, 300))


def stop_button(app: App, job_id: str, words: str, key: str, icon: str = ":material/stop_circle:") -> None:
    """A button in a fragment that asks a job to stop."""
    if st.button(words, key=key, icon=icon):
        queue.cancel(app, job_id)
        st.rerun(scope="fragment")


def _live(app: App, job_id: str) -> None:
    with show.caught("job"):
        view = watched(app, job_id)
        with st.container(border=True):
            bar(view, headline(view))
            facts = [text for text in (_speed(view), _left(view), f"job {view.job_id}") if text]
            st.html(f'<div class="nsc-side-note" style="padding:0">{html(" · ".join(facts), 400)}</div>')
            st.caption("You can close this tab; the work goes on and this address finds it again.")
            stop_button(app, job_id, "Cancel", f"cancel_{job_id}", ":material/cancel:")


def going_on(app: App) -> None:
    """Every job that waits or runs, of all users, in the order of the queue; nothing when there is none."""
    for view in queue.active(app):
        with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"job_{view.job_id}"):
            title = KINDS[view.kind].title if view.kind in KINDS else html(view.kind)
            st.html(
                f"<b>{title}</b> <span style='color:#5b6775'>{html(headline(view), 300)} · job {view.job_id}</span>",
                width="stretch",
            )
            if view.kind in KINDS and st.button("Follow", key=f"follow_{view.job_id}"):
                session.choose("job", view.job_id)
                frame.switch_to(KINDS[view.kind].page)


def _ended(view: JobView) -> None:
    if view.state == "done":
        return
    if view.state == "cancelled":
        show.note("This job was cancelled. What was finished before is kept; start it again to go on.")
    else:
        show.problem(JobError(view.message or "The job ended without a reason.", "", f"job {view.job_id}"))
        show.findings(Finding(**item) for item in view.result.get("findings", ()))


def headline(view: JobView) -> str:
    """What a job is doing, in a line."""
    if view.state == "queued":
        ahead = view.position - 1 if view.position else 0
        return f"Waiting: {count(ahead, 'job')} ahead of this one" if ahead > 0 else "Waiting for the worker"
    if view.state == "interrupted":
        return "Interrupted: the worker stopped; it is started again and goes on from the last finished part"
    of = (
        f"{view.done:,} of {count(view.total, _thing(view))}"
        if view.total
        else (count(view.done, _thing(view)) if view.done else "")
    )
    return " · ".join(part for part in (view.step or "Working", of) if part)


def _speed(view: JobView) -> str:
    if not view.cells_per_second:
        return ""
    digits = 1 if view.cells_per_second < 10 else 0
    return f"{view.cells_per_second:,.{digits}f} {_thing(view)}s per second"


def _thing(view: JobView) -> str:
    """What a job counts."""
    if view.step.startswith(DOWNLOAD_STEP):
        return "byte"
    return "field" if view.step.startswith(FIELD_STEP) else "cell"


def _left(view: JobView) -> str:
    left = duration(view.seconds_left)
    return f"about {left} left" if left and view.state == "running" else ""
