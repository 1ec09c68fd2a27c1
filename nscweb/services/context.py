"""What every service is handed: settings, catalogue, data folder, clock. Opened once per process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from nscweb.core.errors import StoreError
from nscweb.store.files import DataFolder

if TYPE_CHECKING:
    from nscweb.settings import Settings
    from nscweb.store.catalogue import Catalogue


def utc_now() -> str:
    """The time now as ISO 8601 in UTC with ``Z``, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class App:
    """The opened program.

    Attributes:
        settings: folders and limits, read once.
        catalogue: studies, samples, runs and jobs.
        folder: where files of the data folder lie.
        clock: time now as ISO 8601 with ``Z``; durations come from a monotonic clock instead.
    """

    settings: Settings
    catalogue: Catalogue
    folder: DataFolder
    clock: Callable[[], str] = utc_now


def open_app(settings: Settings, clock: Callable[[], str] = utc_now) -> App:
    """Make the folders that are missing and open the catalogue.

    Raises:
        StoreError: the data folder cannot be made or written; the message is one clear line.
        CatalogueLocked: another process holds the catalogue for too long.
    """
    from nscweb.store.catalogue import Catalogue

    folder = DataFolder(settings.data_dir)
    try:
        wanted = [settings.data_dir, settings.inbox]
        wanted += [settings.data_dir / name for name in ("studies", "runs", "models", "uploads", "logs")]
        for path in wanted:
            path.mkdir(parents=True, exist_ok=True)
        probe = settings.data_dir / f".writable-{uuid4().hex}"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        reason = error.strerror or str(error)
        raise StoreError(
            f"The data folder {settings.data_dir} cannot be written ({reason}).",
            "Choose another one with --data-dir or the variable NSCWEB_DATA_DIR.",
            "E-DATA-FOLDER",
        ) from error
    return App(settings, Catalogue(settings.database_url), folder, clock)
