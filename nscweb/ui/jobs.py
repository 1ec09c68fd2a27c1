"""A running job on a page: progress, speed, time left, place in the queue, Cancel; found again by its id.

Only the row in the catalogue is read, once a second and in a fragment, so that the rest of the page stands
still and closing or reloading the tab changes nothing.
"""

from __future__ import annotations

import streamlit as st

from nscweb.core.errors import JobNotFound
from nscweb.jobs import queue
from nscweb.jobs.queue import JobView
from nscweb.services.context import App
from nscweb.ui import session, show
from nscweb.ui.text import count, duration, html, label

ACTIVE = ("queued", "running")
_WORDS = {
    "queued": "Waiting",
    "running": "Working",
    "done": "Finished",
    "failed": "Stopped by an error",
    "cancelled": "Cancelled",
    "interrupted": "Interrupted",
}


def current(app: App, kind: str) -> JobView | None:
    """The job named in the address when it is of this kind; a job that is gone is told and forgotten."""
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


def follow(app: App, view: JobView) -> None:
    """Draw a job until it ends; the page is run again when it does."""
    if view.state in ACTIVE or view.state == "interrupted":
        st.fragment(run_every=1.0)(_live)(app, view.job_id)
    else:
        _ended(view)


def _live(app: App, job_id: str) -> None:
    view = queue.view(app, job_id)
    if view.state not in (*ACTIVE, "interrupted"):
        st.rerun(scope="app")
    with st.container(border=True):
        share = min(view.done / view.total, 1.0) if view.total else 0.0
        st.progress(share, text=label(_headline(view), 300))
        facts = [text for text in (_speed(view), _left(view), f"job {view.job_id}") if text]
        st.html(f'<div class="nsc-side-note" style="padding:0">{html(" · ".join(facts), 400)}</div>')
        st.caption("You can close this tab; the work goes on and this address finds it again.")
        if st.button("Cancel", key=f"cancel_{job_id}", icon=":material/cancel:"):
            queue.cancel(app, job_id)
            st.rerun(scope="fragment")


def _ended(view: JobView) -> None:
    if view.state == "done":
        return
    if view.state == "cancelled":
        show.note("This job was cancelled. What was finished before is kept; start it again to go on.")
    else:
        show.warnings([f"{_WORDS.get(view.state, view.state)}: {view.message or 'no reason was recorded.'}"])


def _headline(view: JobView) -> str:
    if view.state == "queued":
        ahead = view.position - 1 if view.position else 0
        return f"Waiting: {count(ahead, 'job')} ahead of this one" if ahead > 0 else "Waiting for the worker"
    if view.state == "interrupted":
        return "Interrupted: the worker stopped; it is started again and goes on from the last finished part"
    of = (
        f"{view.done:,} of {count(view.total, 'cell')}"
        if view.total
        else (count(view.done, "cell") if view.done else "")
    )
    return " · ".join(part for part in (view.step or "Working", of) if part)


def _speed(view: JobView) -> str:
    return f"{view.cells_per_second:,.0f} cells per second" if view.cells_per_second else ""


def _left(view: JobView) -> str:
    left = duration(view.seconds_left)
    return f"about {left} left" if left and view.state == "running" else ""
