"""The catalogue: which studies, samples and runs there are. Jobs are in `store/jobs.py`, on the same database."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from nscweb.core.errors import StoreError, StudyExists, StudyNotFound
from nscweb.core.plain import from_plain, to_plain
from nscweb.core.run_record import Provenance, Run
from nscweb.core.samples import Sample, Study
from nscweb.store import schema as tables
from nscweb.store.database import open_engine, reading, transaction
from nscweb.store.job_rows import JobTable

_SAMPLE_FIELDS = tuple(Sample.__dataclass_fields__)


class Catalogue(JobTable):
    """One open catalogue. Every method is one short transaction; safe to use from several threads and processes."""

    def __init__(self, url: str, busy_seconds: float = 20.0) -> None:
        super().__init__(open_engine(url, busy_seconds))

    # Studies ---------------------------------------------------------------------------------------------

    def create_study(
        self,
        name: str,
        created_utc: str,
        *,
        channel: str = "",
        channels: Sequence[str] = (),
        simulated: bool = False,
        pixel_size_um: float | None = None,
        state: str = "ready",
        import_key: str = "",
        info: dict[str, Any] | None = None,
    ) -> str:
        """Add a study and return its id. One that is `importing` is not listed until `finish_study`.

        Raises:
            StudyExists: there is a study of that name.
        """
        values = dict(
            name=name,
            created_utc=created_utc,
            channel=channel,
            channels=json.dumps(list(channels)),
            simulated=simulated,
            pixel_size_um=pixel_size_um,
            state=state,
            import_key=import_key,
            info=json.dumps(info or {}),
        )
        try:
            with transaction(self.engine) as connection:
                made = connection.execute(insert(tables.studies).values(**values)).inserted_primary_key
        except IntegrityError as error:
            raise StudyExists(
                f"There is a study called {name!r} already.", "Choose another name, or delete the old study first."
            ) from error
        assert made is not None
        return f"s{made[0]:06d}"

    def update_study(self, study_id: str, **changes: Any) -> None:
        """Change name, channel, channels, simulated, pixel_size_um, state or info of a study.

        Raises:
            StudyExists: another study has the new name, perhaps one whose import has not finished.
        """
        for key in ("channels", "info"):
            if key in changes:
                value = changes[key]
                changes[key] = json.dumps(value if isinstance(value, dict) else list(value))
        try:
            with transaction(self.engine) as connection:
                done = connection.execute(
                    update(tables.studies).where(tables.studies.c.id == _number(study_id)).values(**changes)
                )
        except IntegrityError as error:
            if "name" not in changes:
                raise
            raise StudyExists(
                f"There is a study called {changes['name']!r} already, or one is being imported under this name.",
                "Choose another name.",
            ) from error
        if not done.rowcount:
            raise _no_study(study_id)

    def finish_study(self, study_id: str, **changes: Any) -> None:
        """Make an imported study visible."""
        self.update_study(study_id, state="ready", **changes)

    def unfinished_studies(self) -> list[tuple[str, str, str]]:
        """(id, name, import key) of studies whose import has not finished."""
        chosen = select(tables.studies).where(tables.studies.c.state != "ready").order_by(tables.studies.c.id)
        with reading(self.engine) as connection:
            return [(f"s{row.id:06d}", row.name, row.import_key) for row in connection.execute(chosen)]

    def study(self, name_or_id: str) -> Study:
        """The study of that name or id. StudyNotFound when there is none, or its import has not finished."""
        table = tables.studies
        ready = table.c.state == "ready"
        with reading(self.engine) as connection:
            row = connection.execute(select(table).where(ready, table.c.name == name_or_id)).first()
            if row is None and _is_id(name_or_id, "s"):
                row = connection.execute(select(table).where(ready, table.c.id == _number(name_or_id))).first()
            if row is None:
                raise _no_study(name_or_id)
            samples = connection.execute(_samples_of(row.id)).all()
        return _study(row, samples)

    def study_info(self, study_id: str) -> dict[str, Any]:
        """What the import kept about a study: counts, gates, warnings."""
        with reading(self.engine) as connection:
            text = connection.scalar(select(tables.studies.c.info).where(tables.studies.c.id == _number(study_id)))
        if text is None:
            raise _no_study(study_id)
        return dict(json.loads(text))

    def change_info(self, study_id: str, **values: Any) -> None:
        """Set some of what `study_info` keeps and leave the rest alone, also what others write meanwhile."""
        where = tables.studies.c.id == _number(study_id)
        with transaction(self.engine) as connection:
            text = connection.scalar(select(tables.studies.c.info).where(where))
            if text is None:
                raise _no_study(study_id)
            info = json.dumps({**json.loads(text), **values})
            connection.execute(update(tables.studies).where(where).values(info=info))

    def studies(self) -> list[Study]:
        """All finished studies in the order of their ids."""
        with reading(self.engine) as connection:
            chosen = select(tables.studies).where(tables.studies.c.state == "ready").order_by(tables.studies.c.id)
            rows = connection.execute(chosen).all()
            by_study: dict[int, list[Any]] = {row.id: [] for row in rows}
            order = (tables.samples.c.study, tables.samples.c.position)
            for sample in connection.execute(select(tables.samples).order_by(*order)):
                by_study.get(sample.study, []).append(sample)
        return [_study(row, by_study[row.id]) for row in rows]

    def delete_study(self, study_id: str) -> None:
        """Forget a study and its samples. Its runs stay, with their provenance; files are the caller's."""
        with transaction(self.engine) as connection:
            number = _number(study_id)
            connection.execute(delete(tables.samples).where(tables.samples.c.study == number))
            done = connection.execute(delete(tables.studies).where(tables.studies.c.id == number))
        if not done.rowcount:
            raise _no_study(study_id)

    # Samples ---------------------------------------------------------------------------------------------

    def add_samples(self, study_id: str, samples: Sequence[Sample]) -> list[str]:
        """Append samples and return their keys ``c000001``... in order."""
        number = _number(study_id)
        with transaction(self.engine) as connection:
            have = connection.scalar(
                select(func.count()).select_from(tables.samples).where(tables.samples.c.study == number)
            )
            first = int(have or 0) + 1
            keys = [f"c{first + i:06d}" for i in range(len(samples))]
            rows = [
                {**_sample_values(sample), "study": number, "position": first + i, "key": keys[i]}
                for i, sample in enumerate(samples)
            ]
            if rows:
                connection.execute(insert(tables.samples), rows)
        return keys

    def update_samples(self, study_id: str, samples: Sequence[Sample]) -> None:
        """Write what the sheet says of samples that exist, found by name, all or nothing."""
        table = tables.samples
        with transaction(self.engine) as connection:
            for sample in samples:
                where = (table.c.study == _number(study_id), table.c.name == sample.name)
                done = connection.execute(update(table).where(*where).values(**_sample_values(sample)))
                if not done.rowcount:
                    raise StoreError(f"The study has no sample called {sample.name!r}.")

    def sample_keys(self, study_id: str) -> dict[str, str]:
        """Sample name -> key of its files."""
        with reading(self.engine) as connection:
            return {row.name: row.key for row in connection.execute(_samples_of(_number(study_id)))}

    # Runs ------------------------------------------------------------------------------------------------

    def start_run(self, study_id: str, model: str, created_utc: str) -> str:
        """Reserve an id for a run; it is not listed before `add_run`."""
        values = dict(study=_number(study_id), model=model, created_utc=created_utc, state="started")
        with transaction(self.engine) as connection:
            made = connection.execute(insert(tables.runs).values(**values)).inserted_primary_key
        assert made is not None
        return f"r{made[0]:06d}"

    def add_run(self, run: Run) -> None:
        """Record a finished run under the id that `start_run` gave."""
        values = dict(
            state="done",
            model=run.model,
            created_utc=run.created_utc,
            cells=run.cells,
            class_names=json.dumps(list(run.class_names)),
            provenance=json.dumps(to_plain(run.provenance)),
            extra=json.dumps(run.extra),
        )
        with transaction(self.engine) as connection:
            done = connection.execute(
                update(tables.runs).where(tables.runs.c.id == _number(run.run_id)).values(**values)
            )
        if not done.rowcount:
            raise StoreError(f"The run {run.run_id} was never started.")

    def change_run(self, run_id: str, **values: Any) -> None:
        """Set some of what a finished run keeps in its `extra` and leave the rest alone."""
        where = tables.runs.c.id == _number(run_id)
        with transaction(self.engine) as connection:
            text = connection.scalar(select(tables.runs.c.extra).where(where, tables.runs.c.state == "done"))
            if text is None:
                raise StoreError(f"There is no finished run {run_id!r}.", "", "E-RUN-NOT-FOUND")
            extra = json.dumps({**json.loads(text), **values})
            connection.execute(update(tables.runs).where(where).values(extra=extra))

    def run(self, run_id: str) -> Run:
        """The finished run of that id. StoreError when there is none."""
        table = tables.runs
        row = None
        if _is_id(run_id, "r"):
            with reading(self.engine) as connection:
                chosen = select(table).where(table.c.id == _number(run_id), table.c.state == "done")
                row = connection.execute(chosen).first()
        if row is None:
            raise StoreError(f"There is no finished run {run_id!r}.", "Open Report to see the runs.", "E-RUN-NOT-FOUND")
        return _run(row)

    def runs(self, study_id: str) -> list[Run]:
        """Finished runs of a study, newest first."""
        table = tables.runs
        where = (table.c.study == _number(study_id), table.c.state == "done")
        with reading(self.engine) as connection:
            return [_run(row) for row in connection.execute(select(table).where(*where).order_by(table.c.id.desc()))]

    def last_run(self, study_id: str) -> Run | None:
        """The newest finished run of a study, or None."""
        runs = self.runs(study_id)
        return runs[0] if runs else None


def _samples_of(number: int) -> Any:
    return select(tables.samples).where(tables.samples.c.study == number).order_by(tables.samples.c.position)


def _sample_values(sample: Sample) -> dict[str, Any]:
    values = {name: getattr(sample, name) for name in Sample.__dataclass_fields__}
    return {**values, "extra": json.dumps([list(pair) for pair in sample.extra])}


def _study(row: Row[Any], samples: Sequence[Row[Any]]) -> Study:
    return Study(
        study_id=f"s{row.id:06d}",
        name=row.name,
        created_utc=row.created_utc,
        channel=row.channel,
        channels=tuple(json.loads(row.channels)),
        simulated=bool(row.simulated),
        pixel_size_um=row.pixel_size_um,
        samples=tuple(_sample(sample) for sample in samples),
    )


def _sample(row: Row[Any]) -> Sample:
    return _sample_of(tuple(getattr(row, name) for name in _SAMPLE_FIELDS))


# A page asks for its study some ten times a click; samples that say the same are the same.
@lru_cache(maxsize=8192)
def _sample_of(values: tuple[Any, ...]) -> Sample:
    fields = dict(zip(_SAMPLE_FIELDS, values, strict=True))
    extra = tuple((str(key), str(value)) for key, value in json.loads(fields["extra"]))
    return Sample(**{**fields, "control": bool(fields["control"]), "extra": extra})


def _run(row: Row[Any]) -> Run:
    return Run(
        run_id=f"r{row.id:06d}",
        study_id=f"s{row.study:06d}",
        model=row.model,
        created_utc=row.created_utc,
        cells=row.cells,
        class_names=tuple(json.loads(row.class_names)),
        provenance=from_plain(Provenance, json.loads(row.provenance), f"The run r{row.id:06d}", StoreError),
        extra=json.loads(row.extra),
    )


def _is_id(text: str, letter: str) -> bool:
    return text[:1] == letter and text[1:].isascii() and text[1:].isdigit() and len(text) < 16


def _number(text: str) -> int:
    if not text[1:].isdigit():
        raise StoreError(f"{text!r} is not an id of this program.")
    return int(text[1:])


def _no_study(name: str) -> StudyNotFound:
    return StudyNotFound(f"There is no study called {name!r}.", "`nscweb study list` shows the studies.")
