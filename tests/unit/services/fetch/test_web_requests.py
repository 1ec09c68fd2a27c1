"""Asking a server: nothing of this computer is sent along, tries are counted, pauses are what the server asks for."""

from __future__ import annotations

from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from time import time

import pytest
from loopback import Clock, Loopback, Served, loopback

from nscweb.core.errors import InputRefused, JobCancelled
from nscweb.services.fetch.web_requests import Patience, TryAgain, cut_off, fetch_json, open_url, with_tries


@pytest.fixture
def server() -> Iterator[Loopback]:
    with loopback() as found:
        yield found


def test_no_cookie_password_or_proxy_goes_along(
    server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    server.files["/a"] = Served(statuses=[302], headers={"Location": "/b", "Set-Cookie": "who=me; Path=/"})
    server.files["/b"] = Served(b"{}")
    assert fetch_json(f"{server.url}/a", patience=Clock().patience()) == {}
    assert server.paths() == ["/a", "/b"]
    for _, headers in server.asked:
        assert {name.lower() for name in headers} <= {
            *("host", "user-agent", "accept-encoding", "accept", "connection")
        }
        assert headers["User-Agent"].startswith("nscweb/") and headers["Accept-Encoding"] == "identity"


def test_a_packed_answer_is_refused(server: Loopback) -> None:
    server.files["/a"] = Served(b"x", headers={"Content-Encoding": "gzip"})
    with pytest.raises(InputRefused, match=r"packed the file \(gzip\)"):
        open_url(f"{server.url}/a", {}, 5)


@pytest.mark.parametrize(("said", "least", "most"), [("30", 30, 30), ("soon", 1, 1), ("9" * 9, 60, 60), ("", 1, 1)])
def test_the_pause_is_what_the_server_asks_for_within_bounds(
    server: Loopback, said: str, least: float, most: float
) -> None:
    clock = Clock()
    server.files["/a"] = Served(b"{}", statuses=[503], headers={"Retry-After": said})
    fetch_json(f"{server.url}/a", patience=clock.patience())
    assert least <= clock.now <= most


def test_a_pause_may_be_asked_for_as_a_date(server: Loopback) -> None:
    clock = Clock()
    server.files["/a"] = Served(b"{}", statuses=[503], headers={"Retry-After": formatdate(time() + 20, usegmt=True)})
    fetch_json(f"{server.url}/a", patience=clock.patience())
    assert 15 <= clock.now <= 21


def test_a_try_that_came_further_begins_the_count_again() -> None:
    done: list[int] = []

    def work() -> int:
        done.append(1)
        raise TryAgain(cut_off("host", "it"), came_further=len(done) == 2)

    with pytest.raises(InputRefused, match="cut off"):
        with_tries(work, Patience(tries=3, sleep=lambda seconds: None))
    assert len(done) == 4


def test_a_pause_ends_when_somebody_asks_to_stop() -> None:
    slept: list[float] = []

    def work() -> None:
        raise TryAgain(cut_off("host", "it"), pause_s=50)

    with pytest.raises(JobCancelled):
        with_tries(work, Patience(sleep=slept.append), lambda: len(slept) >= 2)
    assert len(slept) == 2
