"""A running app as the walks see it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SHOTS = Path(__file__).parent / "shots"


@dataclass
class Server:
    """A running app."""

    address: str
    data: Path
    log: Path

    def read_log(self) -> str:
        return self.log.read_text("utf-8", errors="replace")
