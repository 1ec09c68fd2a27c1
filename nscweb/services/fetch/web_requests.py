"""Asking a server for something: https only, few redirects, time limits, tries with growing pauses, plain errors."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Self, TypeVar
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

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

    def retry(self) -> urllib3.Retry:
        """A count of tries, none of them used."""
        return _Retry(total=self.tries - 1, backoff_factor=self.first_pause_s, backoff_max=self.longest_pause_s)

    def wait(self, seconds: float, cancel: CancelAsked) -> None:
        """Pause, but never longer than the longest pause, and end at once when somebody asks to stop."""
        left = min(self.longest_pause_s, seconds)
        while left > 0:
            stop_if_asked(cancel)
            self.sleep(min(left, 0.5))
            left -= 0.5


class _Retry(urllib3.Retry):
    """Pauses from the first failure on; urllib3 itself pauses from the second."""

    def get_backoff_time(self) -> float:
        return min(self.backoff_max, self.backoff_factor * 2.0 ** (len(self.history) - 1)) if self.history else 0.0


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
    tries = patience.retry()
    while True:
        stop_if_asked(cancel)
        try:
            return work()
        except TryAgain as again:
            try:
                tries = (patience.retry() if again.came_further else tries).increment("GET", error=again)
            except urllib3.exceptions.MaxRetryError:
                raise again.error from again
            patience.wait(max(again.pause_s, tries.get_backoff_time()), cancel)


class Answer:
    """The answer of a server, headers read, body not yet; a context manager that closes the connection.

    Attributes:
        status: of HTTP. headers: any case will do.
    """

    def __init__(self, response: requests.Response, session: requests.Session) -> None:
        self.status: int = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self._response, self._session = response, session

    def read(self, most: int) -> bytes:
        """The next bytes, at most so many, b"" at the end; waits until they are all there.

        Raises:
            ConnectionError: cut off, or silence for too long.
        """
        return self._bytes(self._response.raw.read, most)

    def read1(self, most: int) -> bytes:
        """As `read`, but gives what has arrived."""
        return self._bytes(self._response.raw.read1, most)

    def _bytes(self, read: Callable[[int], bytes], most: int) -> bytes:
        try:
            return read(most)
        except (OSError, urllib3.exceptions.HTTPError) as error:
            raise ConnectionError(str(error)) from error

    def close(self) -> None:
        """End the connection, whatever has not been read."""
        self._response.close()
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class _OwnCertificates(HTTPAdapter):
    """Trusts what this computer trusts, such as the certificate of an institute, besides what requests brings."""

    def init_poolmanager(self, *said: Any, **more: Any) -> None:
        super().init_poolmanager(*said, **more, ssl_context=ssl.create_default_context())

    def proxy_manager_for(self, proxy: str, **more: Any) -> Any:
        return super().proxy_manager_for(proxy, **more, ssl_context=ssl.create_default_context())


def open_url(url: str, headers: Mapping[str, str], timeout_s: float) -> Answer:
    """The answer of a server to GET, headers read, body not yet.

    Raises:
        InputRefused: the address is not https, or the server will not give it.
        TryAgain: no network, silence, or a fault of the server that may pass.
        RangeRefused: it has no such bytes.
    """
    host = urlsplit(url).hostname or url
    session = _session(url)
    try:
        answer = Answer(_follow(session, url, headers, timeout_s), session)
    except (OSError, urllib3.exceptions.HTTPError) as error:  # those of requests are OSErrors
        session.close()
        raise _no_answer(host, error) from error
    encoding = answer.headers.get("Content-Encoding", "identity")
    if answer.status not in (200, 206):
        answer.close()
        raise _status(host, url, answer)
    if encoding.lower() not in ("", "identity"):
        answer.close()
        raise InputRefused(f"The server {host} packed the file ({encoding}) although it was asked not to.")
    return answer


def _session(url: str) -> requests.Session:
    """No cookies, no passwords from files, and the proxy of the environment, but never for this computer."""
    session = requests.Session()
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    if not is_loopback(url):
        session.proxies.update(requests.utils.get_environ_proxies(url))
        session.mount("https://", _OwnCertificates())
    session.headers.clear()
    session.headers.update(
        {"User-Agent": f"nscweb/{__version__}", "Accept-Encoding": "identity", "Connection": "close"}
    )
    return session


def _follow(session: requests.Session, url: str, headers: Mapping[str, str], timeout_s: float) -> requests.Response:
    """Ask, and ask where the server sends us: each address is looked at first, and no body on the way is read."""
    loopback, host = is_loopback(url), urlsplit(url).hostname or url
    for _ in range(_MOST_REDIRECTS + 1):
        _check_address(url, loopback)
        try:
            response = session.get(url, headers=headers, timeout=timeout_s, stream=True, allow_redirects=False)
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema) as error:
            raise _not_https(url) from error
        target = session.get_redirect_target(response)
        if target is None:
            return response
        response.close()
        # The next question gets a connection of its own: we asked the server to close this one, and it may any moment.
        session.close()
        url = urljoin(url, target)
    raise InputRefused(f"The server {host} sent the request from one address to the next without end.", code=STATUS)


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
            except ConnectionError as error:
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
    raise _not_https(url)


def _not_https(url: str) -> InputRefused:
    return InputRefused(
        f"The address {url[:200]} is not an https address, so nothing was downloaded from it.",
        "Nothing can be changed on the way only with https.",
        "E-DOWNLOAD-URL",
    )


def _status(host: str, url: str, answer: Answer) -> Exception:
    code = answer.status
    if code == 416:
        return RangeRefused(host)
    said = _STATUS_WORDS.get(code, "a fault of the server" if code >= 500 else "it refuses")
    told = InputRefused(
        f"The server {host} answered {code} ({said}) for {url[:200]}.",
        "Try again later; if it stays so, the file was moved: look at the address in a browser."
        if code in _COME_AND_GO
        else "Look at the address in a browser: the file may have been moved.",
        STATUS,
    )
    if code not in _COME_AND_GO:
        return told
    try:
        return TryAgain(told, urllib3.Retry().parse_retry_after(answer.headers.get("Retry-After", "0")))
    except (urllib3.exceptions.InvalidHeader, OverflowError, ValueError):
        return TryAgain(told)


def _no_answer(host: str, error: BaseException) -> Exception:
    causes = list(_causes(error))
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        return InputRefused(
            f"The server {host} could not prove who it is, so nothing was downloaded.",
            "Check date and time of this computer, and ask whether your network opens https connections.",
            "E-DOWNLOAD-CERTIFICATE",
        )
    words = [cause.strerror for cause in causes if isinstance(cause, OSError) and cause.strerror]
    said = words[-1] if words else type(causes[-1]).__name__
    return TryAgain(
        InputRefused(
            f"The server {host} cannot be reached: there is no network, or it is blocked ({said}).",
            "Check the internet connection of this computer. What is installed already works without it.",
            NO_NETWORK,
        )
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and those that it came from, the first of all last."""
    seen: set[int] = set()
    step: BaseException | None = error
    while step is not None and id(step) not in seen:
        seen.add(id(step))
        yield step
        step = step.__cause__ or step.__context__
