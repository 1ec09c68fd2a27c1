"""A reader of workbooks that never answers, run in a child process by `test_workbook_kinds.py`."""

from __future__ import annotations

import time
from typing import Any

from nscweb.io.decode.guarded_server import Answer, serve


def main() -> None:
    def make() -> Answer:
        def answer(asked: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
            time.sleep(3600)
            return {}, b""

        return answer

    serve(make)
