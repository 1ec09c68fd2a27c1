"""What tests of pages share: names of the made studies, doing queued jobs, and reading a page."""

from __future__ import annotations

from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from nscweb.jobs.worker import Worker
from nscweb.services.context import App

LABELLED, PLAIN = "Labelled (simulated)", "No truth (simulated)"
Walk = Callable[..., AppTest]


def work(app: App) -> None:
    """Do the jobs that wait, in this process."""
    Worker(app).run(once=True)


def texts(test: AppTest) -> str:
    """Everything that a page says, in one string."""
    kinds = (test.title, test.header, test.subheader, test.caption, test.text, test.get("html"))
    said = [str(getattr(item, "value", "") or item.proto.body) for kind in kinds for item in kind]
    return "\n".join(text for text in said if not text.startswith("<style>"))


def is_healthy(test: AppTest) -> bool:
    """No exception reached the page and no error box is on it."""
    return not test.exception and 'class="nsc-error"' not in texts(test)
