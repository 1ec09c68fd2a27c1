"""Asking a server for something: https only, few redirects, time limits, tries with growing pauses, plain errors."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.message import Message
from typing import IO, Any, TypeVar
from urllib import error as url_errors
from urllib import request as url_requests
from urllib.parse import urlsplit

from nscweb import __version__
from nscweb.core.errors import InputRefused, NscwebError
from nscweb.core.progress import CancelAsked, never_cancelled, stop_if_asked

NO_NETWORK = "E-NO-NETWORK"
STATUS = "E-DOWNLOAD-STATUS"
CUT = "E-DOWNLOAD-CUT"
_MOST_REDIRECTS = 5
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
# Answers that another try may turn: too many requests, and faults of the server that come and go.
_COME_AND_GO = (408, 425, 429, 500, 502, 503, 504)
_STATUS_WORDS = {
    401: "it asks for a password",
    403: "it does not allow this download",
    404: "it has no such file",
    410: "the file was taken away",
    429: "it is asked too often",
}
T = TypeVar("T")


@dataclass(frozen=True)
class Patience:
    """How long a server is waited for.

    Attributes:
        tries: how often one thing is tried before it is given up.
        first_pause_s: pause after the first failure; it doubles with each further one.
        longest_pause_s: no pause is longer, also when the server asks for one.
        timeout_s: silence of the server after which a try has failed.
        clock: monotonic seconds. sleep: waits that many seconds.
    """

    tries: int = 4
    first_pause_s: float = 1.0
    longest_pause_s: float = 60.0
    timeout_s: float = 20.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def wait(self, failed: int, asked_s: float, cancel: CancelAsked) -> None:
        """Pause after `failed` failures in a row, at least as long as the server asked for."""
        left = min(self.longest_pause_s, max(asked_s, self.first_pause_s * 2 ** (failed - 1)))
        while left > 0:
            stop_if_asked(cancel)
            self.sleep(min(left, 0.5))
            left -= 0.5


class TryAgain(Exception):
    """A failure that may go away.

    Attributes:
        error: what to tell when it does not.
        pause_s: what the server asks for, 0 when it says nothing.
        came_further: this try brought something, so it does not count as one of a row of failures.
    """

    def __init__(self, error: NscwebError, pause_s: float = 0.0, came_further: bool = False) -> None:
        super().__init__(error.what)
        self.error, self.pause_s, self.came_further = error, pause_s, came_further


class RangeRefused(Exception):
    """The server has no bytes from where we asked for them (HTTP 416)."""


def with_tries(work: Callable[[], T], patience: Patience, cancel: CancelAsked = never_cancelled) -> T:
    """Do `work` until it raises no `TryAgain`, or the tries are used up.

    Raises:
        NscwebError: what the last try said. JobCancelled: somebody asked to stop.
    """
    failed = 0
    while True:
        stop_if_asked(cancel)
        try:
            return work()
        except TryAgain as again:
            failed = 1 if again.came_further else failed + 1
            if failed >= patience.tries:
                raise again.error from again
            patience.wait(failed, again.pause_s, cancel)


def open_url(url: str, headers: Mapping[str, str], timeout_s: float) -> http.client.HTTPResponse:
    """The answer of a server to GET, headers read, body not yet.

    Raises:
        InputRefused: the address is not https, or the server will not give it.
        TryAgain: no network, silence, or a fault of the server that may pass.
        RangeRefused: it has no such bytes.
    """
    loopback = is_loopback(url)
    _check_address(url, loopback)
    opener = url_requests.OpenerDirector()
    # No handler for files or ftp: a redirect cannot lead to one. Loopback never goes through a proxy.
    handlers: list[url_requests.BaseHandler] = [
        url_requests.ProxyHandler({} if loopback else None),
        url_requests.HTTPHandler(),
        url_requests.HTTPSHandler(context=ssl.create_default_context()),
        url_requests.HTTPDefaultErrorHandler(),
        url_requests.HTTPErrorProcessor(),
        _Redirects(loopback),
    ]
    for handler in handlers:
        opener.add_handler(handler)
    asked = url_requests.Request(
        url, headers={"User-Agent": f"nscweb/{__version__}", "Accept-Encoding": "identity", **headers}
    )
    host = urlsplit(url).hostname or url
    try:
        answer: http.client.HTTPResponse = opener.open(asked, timeout=timeout_s)
    except url_errors.HTTPError as error:
        with error:
            raise _status(host, url, error) from error
    except url_errors.URLError as error:
        raise _no_answer(host, error.reason) from error
    except (OSError, http.client.HTTPException) as error:
        raise _no_answer(host, error) from error
    encoding = answer.headers.get("Content-Encoding", "identity")
    if encoding.lower() not in ("", "identity"):
        answer.close()
        raise InputRefused(f"The server {host} packed the file ({encoding}) although it was asked not to.")
    return answer


def fetch_json(
    url: str, *, most_bytes: int = 5_000_000, patience: Patience | None = None, cancel: CancelAsked = never_cancelled
) -> Any:
    """What a public API answers.

    Raises:
        InputRefused: no network, another status, too long an answer, or one that is not JSON.
        JobCancelled: somebody asked to stop.
    """
    patience = patience or Patience()
    host = urlsplit(url).hostname or url

    def once() -> bytes:
        with open_url(url, {"Accept": "application/json"}, patience.timeout_s) as answer:
            try:
                return answer.read(most_bytes + 1)
            except (OSError, http.client.HTTPException) as error:
                raise TryAgain(cut_off(host, "its answer")) from error

    data = with_tries(once, patience, cancel)
    if len(data) > most_bytes:
        raise InputRefused(f"The answer of {host} is longer than {most_bytes:,} bytes.", code="E-API-ANSWER")
    try:
        return json.loads(data)
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise InputRefused(
            f"The answer of {host} cannot be understood: it is not JSON.",
            "A login page of your network may answer instead of the server; open the address in a browser.",
            "E-API-ANSWER",
        ) from error


def is_loopback(url: str) -> bool:
    """Whether an address means this computer, over plain http; only tests use such."""
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname in _LOOPBACK


def cut_off(host: str, what: str) -> InputRefused:
    """The error for a connection that ended too early."""
    return InputRefused(
        f"The connection to {host} was cut off before {what} had arrived.",
        "Start it again: it goes on from where it stopped.",
        CUT,
    )


def _check_address(url: str, loopback: bool) -> None:
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return
    if loopback and is_loopback(url):
        return
    raise InputRefused(
        f"The address {url[:200]} is not an https address, so nothing was downloaded from it.",
        "Nothing can be changed on the way only with https.",
        "E-DOWNLOAD-URL",
    )


class _Redirects(url_requests.HTTPRedirectHandler):
    max_redirections = _MOST_REDIRECTS

    def __init__(self, loopback: bool) -> None:
        self._loopback = loopback

    def redirect_request(
        self,
        req: url_requests.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: Message,  # type: ignore[override,unused-ignore]
        newurl: str,
    ) -> url_requests.Request | None:
        try:
            _check_address(newurl, self._loopback)
        except InputRefused:
            fp.close()
            raise
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type,unused-ignore]


def _status(host: str, url: str, error: url_errors.HTTPError) -> Exception:
    if error.code == 416:
        return RangeRefused(host)
    if 300 <= error.code < 400:
        return InputRefused(
            f"The server {host} sent the request from one address to the next without end.", code=STATUS
        )
    said = _STATUS_WORDS.get(error.code, "a fault of the server" if error.code >= 500 else "it refuses")
    told = InputRefused(
        f"The server {host} answered {error.code} ({said}) for {url[:200]}.",
        "Try again later; if it stays so, the file was moved: look at the address in a browser."
        if error.code in _COME_AND_GO
        else "Look at the address in a browser: the file may have been moved.",
        STATUS,
    )
    if error.code not in _COME_AND_GO:
        return told
    wait = error.headers.get("Retry-After", "") if error.headers else ""
    return TryAgain(told, float(wait) if wait.isdecimal() and len(wait) < 6 else 0.0)


def _no_answer(host: str, reason: object) -> Exception:
    if isinstance(reason, ssl.SSLCertVerificationError):
        return InputRefused(
            f"The server {host} could not prove who it is, so nothing was downloaded.",
            "Check date and time of this computer, and ask whether your network opens https connections.",
            "E-DOWNLOAD-CERTIFICATE",
        )
    if isinstance(reason, ssl.SSLError) or not isinstance(reason, OSError | http.client.HTTPException):
        said = str(reason)[:160]
    else:
        said = getattr(reason, "strerror", None) or type(reason).__name__
    return TryAgain(
        InputRefused(
            f"The server {host} cannot be reached: there is no network, or it is blocked ({said}).",
            "Check the internet connection of this computer. What is installed already works without it.",
            NO_NETWORK,
        )
    )
