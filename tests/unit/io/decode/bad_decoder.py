"""A decoder that misbehaves on request, run by the sandbox of `test_sandbox.py` in its child."""

from __future__ import annotations

import ctypes
import os
import time

from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.io.decode import sandbox_child
from nscweb.io.decode.image import decode
from nscweb.io.pixels.image_pages import ImagePages


def misbehave(data: bytes, where: str, limits: Limits, log: FindingLog) -> ImagePages:
    if data == b"hang":
        time.sleep(3600)
    if data == b"spin":
        ctypes.CDLL(None).pause() if os.name == "posix" else time.sleep(3600)  # in C, deaf to Python
    if data == b"eat":
        kept = []
        while True:
            kept.append(b"x" * 10_000_000)
    if data == b"abort":
        os.abort()
    if data == b"print":
        print("a library prints", flush=True)
        os.write(1, b"and so does one written in C\n")
    if data == b"bug":
        raise ZeroDivisionError
    return decode(bytes(data[5:]) if data.startswith(b"print") else data, where, limits, log)


def main() -> None:
    sandbox_child.main(misbehave)
