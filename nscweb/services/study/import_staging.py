"""An import that has not finished: a hidden study, one mark per finished sample, and a lock while it runs."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nscweb.core.errors import StudyExists, StudyNotFound, WrongUse
from nscweb.core.findings import Finding
from nscweb.core.plain import from_plain, to_plain
from nscweb.core.samples import Sample
from nscweb.services.file_lock import file_lock
from nscweb.store.files import atomic_write

if TYPE_CHECKING:
    from nscweb.services.context import App

KEEP_SECONDS = 7 * 24 * 3600.0


@dataclass(frozen=True)
class SampleMark:
    """What is kept of a finished sample, so that an import that was killed need not read it again.

    Attributes:
        name: of the sample in the survey.
        key: of its files, "" when no cell could be read.
        cells, images: that were stored.
        skipped, ignored: files that were left out.
        findings: noticed while reading it.
    """

    name: str
    key: str
    cells: int
    images: int
    skipped: int
    ignored: int
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Staging:
    """The hidden study of an import that runs or was killed."""

    app: App
    study_id: str

    @property
    def folder(self) -> Path:
        return self.app.folder.study_dir(self.study_id)

    def mark(self, index: int) -> SampleMark | None:
        """The mark of the sample at a position of the survey, or None when it is still to be read."""
        try:
            return from_plain(SampleMark, json.loads(self._mark_path(index).read_text("utf-8")), "The mark")
        except (OSError, ValueError, WrongUse):
            return None

    def set_mark(self, index: int, mark: SampleMark) -> None:
        """Keep a finished sample. Its cell and quality files are complete by then."""
        path = self._mark_path(index)
        path.parent.mkdir(parents=True, exist_ok=True)
        # Not forced to the disk: a mark that a power cut tears is no mark, and the sample is read again.
        part = path.with_suffix(".part")
        part.write_bytes(json.dumps(to_plain(mark)).encode("utf-8", "surrogatepass"))
        part.replace(path)

    def publish(self, samples: Sequence[Sample], findings_csv: bytes, **about: Any) -> None:
        """Make the study visible; a kill before the last step leaves it hidden and complete."""
        if not self.app.catalogue.sample_keys(self.study_id):
            self.app.catalogue.add_samples(self.study_id, samples)
        else:
            self.app.catalogue.update_samples(self.study_id, samples)
        with atomic_write(self.folder / "findings.csv") as stream:
            stream.write(findings_csv)
        self.app.catalogue.finish_study(self.study_id, **about)
        shutil.rmtree(self.folder / "import", ignore_errors=True)

    def discard(self) -> None:
        """Forget everything of this import."""
        discard(self.app, self.study_id)

    def _mark_path(self, index: int) -> Path:
        return self.folder / "import" / f"{index:06d}.json"


def request_key(parts: dict[str, Any], paths: Sequence[Path]) -> str:
    """Equal for the same import of the same unchanged files, so that a second try goes on with the first."""
    files = []
    for path in paths:
        for item in [path, *sorted(path.rglob("*"))] if path.is_dir() else [path]:
            with contextlib.suppress(OSError):
                about = item.stat()
                files.append((str(item.absolute()), about.st_size, about.st_mtime_ns))
    text = json.dumps([parts, files], sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


@contextmanager
def staged(app: App, name: str, key: str) -> Iterator[Staging]:
    """The hidden study for this import: the one that an earlier try left, or a new one.

    An unfinished import of the same name with other files is removed, unless it is running.

    Raises:
        StudyExists: a study of that name exists, or is being imported at this moment.
    """
    with file_lock(_lock_path(app, name)) as held:
        if not held:
            raise StudyExists(
                f"A study called {name!r} is being imported at this moment.",
                "Wait until it is finished, or choose another name.",
            )
        study_id = ""
        for found, found_name, found_key in app.catalogue.unfinished_studies():
            if found_name == name and found_key == key:
                study_id = found
            elif found_name == name:
                discard(app, found)
        if not study_id:
            study_id = app.catalogue.create_study(name, app.clock(), state="importing", import_key=key)
        yield Staging(app, study_id)


def clean_imports(app: App, keep_seconds: float = KEEP_SECONDS, now: float | None = None) -> int:
    """Remove imports that nobody took up again within a week; returns how many."""
    limit = (time.time() if now is None else now) - keep_seconds
    old = []
    for study_id, name, _ in app.catalogue.unfinished_studies():
        folder = app.folder.study_dir(study_id)
        marks = folder / "import"
        newest = max((path.stat().st_mtime for path in (folder, marks) if path.exists()), default=0.0)
        with file_lock(_lock_path(app, name)) as held:
            if held and newest < limit:
                discard(app, study_id)
                old.append(study_id)
    return len(old)


def discard(app: App, study_id: str) -> None:
    """Remove an unfinished study from catalogue and disk."""
    with contextlib.suppress(StudyNotFound):
        app.catalogue.delete_study(study_id)
    shutil.rmtree(app.folder.study_dir(study_id), ignore_errors=True)


def _lock_path(app: App, name: str) -> Path:
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return app.folder.root / "studies" / f".import-{digest}.lock"
