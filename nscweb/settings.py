"""Folders and limits, read from the environment once and frozen."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from nscweb.core.errors import WrongUse
from nscweb.core.limits import Limits

PROJECT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Settings:
    """Where things are and how much may be used.

    Attributes:
        data_dir: studies, runs, catalogue, logs.
        database_url: of the catalogue; SQLite in the data folder unless ``NSCWEB_DATABASE_URL`` says otherwise.
        weights_dirs: folders that hold model folders: those shipped, then the user's.
        inbox: folder for exports too big for a browser.
        limits: on what is read.
        threads: processor threads for predictions, None lets the program choose.
        host, port: where the app listens.
    """

    data_dir: Path
    database_url: str
    weights_dirs: tuple[Path, ...]
    inbox: Path
    limits: Limits = field(default_factory=Limits)
    threads: int | None = None
    host: str = "127.0.0.1"
    port: int = 8501

    @classmethod
    def from_environment(cls, environ: Mapping[str, str], data_dir: Path | None = None) -> Settings:
        """Read ``NSCWEB_*`` variables. `data_dir` (an option of the command line) wins over its variable.

        Raises:
            WrongUse: a variable that makes no sense.
        """
        root = (data_dir or Path(environ.get("NSCWEB_DATA_DIR") or "nscweb-data")).expanduser().absolute()
        database = environ.get("NSCWEB_DATABASE_URL") or f"sqlite:///{(root / 'catalogue.sqlite').as_posix()}"
        inbox = Path(environ["NSCWEB_INBOX"]).expanduser().absolute() if environ.get("NSCWEB_INBOX") else root / "inbox"
        return cls(
            data_dir=root,
            database_url=database,
            weights_dirs=(PROJECT / "weights", root / "models"),
            inbox=inbox,
            limits=Limits.from_environment(environ),
            threads=_positive(environ, "NSCWEB_THREADS"),
            host=environ.get("NSCWEB_HOST") or "127.0.0.1",
            port=_positive(environ, "NSCWEB_PORT") or 8501,
        )

    def as_environment(self) -> dict[str, str]:
        """Variables with which another process reads the same settings."""
        limits = {name: str(value) for name, value in vars(self.limits).items()}
        given = {
            "NSCWEB_DATA_DIR": str(self.data_dir),
            "NSCWEB_DATABASE_URL": self.database_url,
            "NSCWEB_INBOX": str(self.inbox),
            **{f"NSCWEB_{name.upper()}": value for name, value in limits.items()},
        }
        return given if self.threads is None else {**given, "NSCWEB_THREADS": str(self.threads)}


def environment() -> dict[str, str]:
    """The variables of this process; the one place where they are read."""
    return dict(os.environ)


def _positive(environ: Mapping[str, str], name: str) -> int | None:
    text = environ.get(name, "").strip()
    if not text:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise WrongUse(f"{name} is {text!r}; it must be a positive whole number.")
    return int(text)
