"""The other side of `io.decode.sandbox`: decodes the images that it is sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nscweb.core.errors import NscwebError
from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.io.decode.child_process import error_as_dict
from nscweb.io.decode.guarded_server import Answer, serve, told

if TYPE_CHECKING:
    from nscweb.io.pixels.image_pages import ImagePages

Decode = Callable[[bytes, str, Limits, FindingLog], "ImagePages"]


def main(decode: Decode | None = None) -> None:
    """Answer until nobody asks any more.

    Args:
        decode: instead of `io.decode.image.decode`, for tests.
    """

    def make() -> Answer:
        from nscweb.io.decode.image import decode as usual

        return _Images(decode or usual).answer

    serve(make)


class _Images:
    """The image that was sent last, of which further planes may be asked for."""

    def __init__(self, decode: Decode) -> None:
        self._decode = decode
        self._pages: ImagePages | None = None
        self._log, self._count = FindingLog(), 0

    def answer(self, asked: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
        if "plane" in asked:
            reply, pixels = self._plane(asked["plane"])
            return {"plane": reply}, pixels
        self._pages, self._log, self._count = None, FindingLog(), 0
        try:
            pages = self._pages = self._decode(data, asked["where"], Limits(**asked["limits"]), self._log)
        except NscwebError as error:
            return {"findings": self._told(), "error": error_as_dict(error)}, b""
        reply = {"findings": self._told(), "names": list(pages.names), "kind": pages.kind, "simulated": pages.simulated}
        if len(pages) > 1 or not asked["eager"]:
            return reply, b""
        reply["plane"], pixels = self._plane(0)
        return reply, pixels

    def _plane(self, plane: int) -> tuple[dict[str, Any], bytes]:
        assert self._pages is not None
        try:
            pixels = self._pages.load(plane)
        except NscwebError as error:
            return {"findings": self._told(), "error": error_as_dict(error)}, b""
        about = {"findings": self._told(), "shape": list(pixels.shape), "dtype": pixels.dtype.str}
        return about, pixels.tobytes()

    def _told(self) -> list[list[str]]:
        """Findings since the last answer. The log stays the same, because `load` of a file adds to it."""
        fresh = told(self._log, self._count)
        self._count += len(fresh)
        return fresh
