"""The catalogue keeps studies, samples and runs, and says what is wrong in words."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from nscweb.core.errors import CatalogueLocked, StoreError, StudyExists, StudyNotFound
from nscweb.core.run_record import Provenance, Run
from nscweb.core.samples import Sample
from nscweb.store.catalogue import Catalogue

NOW = "2026-01-01T00:00:00Z"
PROVENANCE = Provenance(
    "Screen", "s000001", "0" * 64, "m", "1", "1" * 64, "Ch1", {"batch": 64}, {"n": "2"}, NOW, 1.5, True, True, ("w",)
)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'catalogue.sqlite'}"


@pytest.fixture
def catalogue(url: str) -> Catalogue:
    return Catalogue(url)


def test_a_study_comes_back_as_it_was_put_in(catalogue: Catalogue, url: str) -> None:
    sample = Sample(
        "NT3_1d", "NT3", 24.0, "1", "d1", "FlowSight", True, "neuron", 12, (("plate", "1E5"), ("dose", "001"))
    )
    study_id = catalogue.create_study(
        "Screen", NOW, channel="Ch1", channels=("Ch1", "Ch11"), simulated=True, pixel_size_um=0.5
    )
    assert catalogue.add_samples(study_id, [sample, Sample("b")]) == ["c000001", "c000002"]
    again = Catalogue(url)
    for found in (again.study("Screen"), again.study(study_id), again.studies()[0]):
        assert found.samples == (sample, Sample("b"))
        assert (found.channel, found.channels, found.simulated, found.pixel_size_um) == (
            "Ch1",
            ("Ch1", "Ch11"),
            True,
            0.5,
        )
    again.update_samples(study_id, [Sample("b", "NGF", 12.0)])
    assert catalogue.study("Screen").sample("b").group == "NGF"
    assert catalogue.sample_keys(study_id) == {"NT3_1d": "c000001", "b": "c000002"}


def test_names_are_unique_and_ids_are_never_given_again(catalogue: Catalogue) -> None:
    first = catalogue.create_study("Screen", NOW)
    with pytest.raises(StudyExists, match="Choose another name"):
        catalogue.create_study("Screen", NOW)
    catalogue.delete_study(first)
    assert catalogue.create_study("Screen", NOW) > first
    with pytest.raises(StudyNotFound):
        catalogue.study(first)
    with pytest.raises(StudyNotFound):
        catalogue.delete_study(first)


def test_an_unfinished_import_is_not_shown(catalogue: Catalogue) -> None:
    study_id = catalogue.create_study("Screen", NOW, state="importing", import_key="k")
    assert catalogue.studies() == [] and catalogue.unfinished_studies() == [(study_id, "Screen", "k")]
    with pytest.raises(StudyNotFound):
        catalogue.study("Screen")
    catalogue.finish_study(study_id, info={"members": 3})
    assert catalogue.study("Screen").study_id == study_id and catalogue.study_info(study_id) == {"members": 3}


def test_all_samples_change_or_none(catalogue: Catalogue) -> None:
    study_id = catalogue.create_study("Screen", NOW)
    catalogue.add_samples(study_id, [Sample("a")])
    with pytest.raises(StoreError, match="no sample called"):
        catalogue.update_samples(study_id, [Sample("a", "NT3"), Sample("zzz")])
    assert catalogue.study("Screen").sample("a").group == ""


def test_runs_are_listed_when_finished_and_outlive_their_study(catalogue: Catalogue) -> None:
    study_id = catalogue.create_study("Screen", NOW)
    ids = [catalogue.start_run(study_id, "m", NOW) for _ in range(2)]
    assert catalogue.runs(study_id) == []
    runs = [Run(run_id, study_id, "m", NOW, 7, ("a", "b"), PROVENANCE, {"x": [1]}) for run_id in ids]
    for run in runs:
        catalogue.add_run(run)
    assert catalogue.runs(study_id) == runs[::-1] and catalogue.last_run(study_id) == runs[1]
    catalogue.delete_study(study_id)
    assert catalogue.run(ids[0]) == runs[0]
    for wrong in ("r999999", "nonsense", ""):
        with pytest.raises(StoreError, match="no finished run"):
            catalogue.run(wrong)


def test_a_locked_catalogue_waits_and_then_says_so(tmp_path: Path, url: str) -> None:
    patient = Catalogue(url, busy_seconds=0.2)
    patient.create_study("Screen", NOW)
    other = sqlite3.connect(tmp_path / "catalogue.sqlite", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(CatalogueLocked, match="another process"):
        patient.create_study("Second", NOW)
    other.execute("ROLLBACK")
    other.close()
    assert patient.create_study("Second", NOW) == "s000002"
    assert [study.name for study in patient.studies()] == ["Screen", "Second"]


def test_a_catalogue_of_a_newer_program_is_left_alone(tmp_path: Path, url: str) -> None:
    Catalogue(url)
    with sqlite3.connect(tmp_path / "catalogue.sqlite") as database:
        database.execute("UPDATE about SET value = '99' WHERE key = 'schema'")
    database.close()
    with pytest.raises(StoreError, match="schema version 99"):
        Catalogue(url)
