"""A process of our own at the other end of two pipes: started fast, ended with us, never left behind.

A message is a JSON header and bytes. What a child answers is never unpickled, because a child that reads hostile
files may have been taken over by one. The main program of the parent (a server, a test run) is not run again in
the child, which `multiprocessing` would do.
"""

from __future__ import annotations

import contextlib
import json
import os
import struct
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from nscweb.core import errors
from nscweb.core.errors import NscwebError

_SIZES = struct.Struct("<IQ")
_ROOT = Path(__file__).resolve().parents[2]
MOST_HEADER = 256 * 1024 * 1024


class ChildGone(Exception):
    """The child ended, was ended, or answers nonsense."""


def send(stream: BinaryIO, header: Mapping[str, Any], payload: bytes | memoryview = b"") -> None:
    """Write one message."""
    text = json.dumps(header).encode("ascii")
    size = payload.nbytes if isinstance(payload, memoryview) else len(payload)
    stream.write(_SIZES.pack(len(text), size) + text)
    if size:
        stream.write(payload)
    stream.flush()


def receive(stream: BinaryIO, most: int) -> tuple[dict[str, Any], bytes]:
    """The next message.

    Args:
        most: bytes that its payload may have.

    Raises:
        ChildGone: the other end is closed, or what comes is no message.
    """
    header, payload = _SIZES.unpack(_exactly(stream, _SIZES.size))
    if header > MOST_HEADER or payload > most:
        raise ChildGone("The child answered with more than it may.")
    try:
        said = json.loads(_exactly(stream, header))
    except ValueError as error:
        raise ChildGone("The child answered with something else than a message.") from error
    return said, _exactly(stream, payload)


def _exactly(stream: BinaryIO, length: int) -> bytes:
    data = stream.read(length) if length else b""
    if len(data) < length:
        raise ChildGone("The other end is closed.")
    return data


class Child:
    """One child process that runs a function with its pipes.

    Args:
        entry: ``package.module:function``, called without arguments; it talks through `own_pipes`.
        paths: folders in which its modules are found, beside those of the project.
        environment: variables of the child, None for those of this process.

    Raises:
        OSError: no process can be started.
    """

    def __init__(self, entry: str, paths: Sequence[Path] = (), environment: Mapping[str, str] | None = None) -> None:
        module, _, function = entry.partition(":")
        folders = [str(path) for path in (_ROOT, *paths)]
        code = f"import sys; sys.path[:0] = {folders!r}; from {module} import {function} as run; run()"
        self._process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=dict(environment) if environment is not None else None,
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._to: BinaryIO = self._process.stdin  # type: ignore[assignment]  # a pipe was asked for
        self._from: BinaryIO = self._process.stdout  # type: ignore[assignment]  # a pipe was asked for

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def send(self, header: Mapping[str, Any], payload: bytes | memoryview = b"") -> None:
        """Raises ChildGone when nobody listens any more."""
        try:
            send(self._to, header, payload)
        except (OSError, ValueError) as error:
            raise ChildGone("The child does not listen any more.") from error

    def receive(self, most: int) -> tuple[dict[str, Any], bytes]:
        """The next answer; see `receive`."""
        try:
            return receive(self._from, most)
        except (OSError, ValueError) as error:
            raise ChildGone("The child does not answer any more.") from error

    def kill(self) -> None:
        """End it at once; whoever waits for an answer gets ChildGone."""
        self._process.kill()

    def close(self) -> None:
        """End it and take it out of the table of processes."""
        with contextlib.suppress(OSError):
            self._process.kill()
        self._process.wait()
        for stream in (self._to, self._from):
            with contextlib.suppress(OSError, ValueError):
                stream.close()


def own_pipes() -> tuple[BinaryIO, BinaryIO]:
    """For a child: (questions, answers). Whatever a library prints goes nowhere instead of between answers."""
    questions = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return questions, answers


def error_as_dict(error: NscwebError) -> dict[str, str]:
    """An error for a header."""
    return {"kind": type(error).__name__, "what": error.what, "todo": error.todo, "code": error.code}


def error_from_dict(said: Mapping[str, str]) -> NscwebError:
    """Inverse of `error_as_dict`; kinds that are not in `core.errors` become plain `NscwebError`."""
    kind = getattr(errors, said["kind"], None)
    known = kind if isinstance(kind, type) and issubclass(kind, NscwebError) else NscwebError
    return known(said["what"], said["todo"], said["code"])
