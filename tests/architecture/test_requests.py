"""A command asks for what its request holds, under the same names: nothing is packed under a second name."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import pytest
import typer

from nscweb.cli.main import app
from nscweb.core.errors import JobError
from nscweb.core.field_settings import SegmentationSettings
from nscweb.core.plain import from_plain, to_plain
from nscweb.core.samples import Sample
from nscweb.jobs.tasks import import_task, predict_task
from nscweb.papers.reproduce import ReproduceRequest
from nscweb.services.compare.compare_request import CompareRequest
from nscweb.services.maps.map import MapRequest
from nscweb.services.predict.predict_request import PredictRequest
from nscweb.services.report.scope import ReportRequest
from nscweb.services.study.import_request import ImportRequest
from nscweb.services.train.request import TrainRequest, TuneRequest

# How every command speaks, and where it puts what it made; no part of what is asked.
SPEECH = {"as_json", "data_dir", "help"}
# Option -> the field that it fills under another name, "" where it fills none; and why.
OTHER_OPTIONS = {
    "study import": {
        "colonies": "",  # starts the settings of fields from other ones
        "field_threshold": "fields",  # field_x: attribute x of SegmentationSettings
        "field_method": "fields",
        "field_min_area": "fields",
        "field_max_area": "fields",
        "field_background_radius": "fields",
        "field_smoothing": "fields",
        "field_split_strength": "fields",
        "field_cell_px": "fields",
        "field_margin": "fields",
        "field_border": "fields",  # the opposite of drop_border, so that it can be a switch
    },
    "predict": {"fast": "mode", "out": ""},  # a switch; the tables of the finished run
    "map": {"out": ""},  # the places
    "compare": {"study": "", "run": "", "out": ""},  # the run is handed over as it is open; the tables
    "report": {
        "run": "",  # handed over as it is open
        "out": "",
        "only_group": "filters",
        "only_time": "filters",
        "only_replicate": "filters",
        "no_cells": "cells",  # a switch
    },
    "train": {"settings_file": "settings"},  # settings that a search has written
    "tune": {},
    "reproduce": {},
}
# Fields that no option fills, and why.
NOT_ASKED = {
    "study import": {"describe", "simulated"},  # known to programs that made the images
    "predict": {"run_key"},  # of a job
    "map": set(),
    "compare": {"filters"},  # its numbers are those that the page opens with
    "report": set(),
    "train": {"checks", "command"},  # trials in code; what was typed
    "tune": {"licence"},  # a search writes no card
    "reproduce": set(),
}
REQUESTS = {
    "study import": ImportRequest,
    "predict": PredictRequest,
    "map": MapRequest,
    "compare": CompareRequest,
    "report": ReportRequest,
    "train": TrainRequest,
    "tune": TuneRequest,
    "reproduce": ReproduceRequest,
}


def options_of(name: str) -> set[str]:
    command = typer.main.get_command(app)
    for word in name.split():
        command = command.commands[word]
    return {str(parameter.name) for parameter in command.params} - SPEECH


@pytest.mark.parametrize("name", REQUESTS)
def test_the_options_of_a_command_are_the_fields_of_its_request(name: str) -> None:
    others = OTHER_OPTIONS[name]
    options = options_of(name)
    assert set(others) <= options, "the table of exceptions names an option that is gone"
    filled = (options - set(others)) | {field for field in others.values() if field}
    assert filled == {field.name for field in fields(REQUESTS[name])} - NOT_ASKED[name]


def test_options_of_fields_of_view_are_settings() -> None:
    parts = {name.removeprefix("field_") for name, field in OTHER_OPTIONS["study import"].items() if field == "fields"}
    # Outlines are mended by eye, on the page.
    assert parts - {"border"} | {"drop_border", "split", "mendings"} == {
        field.name for field in fields(SegmentationSettings)
    }


FULL = [
    ImportRequest(
        (Path("a.zip"), Path("b")),
        " Screen ",
        sheet=Path("sheet.csv"),
        channels=("Ch1", "Ch3"),
        pixel_size_um=0.5,
        describe={"a": Sample("a", time_h=24.0, extra=(("day", "1"),))},
        fields=SegmentationSettings(split=False),
    ),
    PredictRequest("s000001", "compact", "fast"),
    CompareRequest(control="", fate="neuron", time_h=24.0),
    ReportRequest(form="zip", margin=0.1),
    TrainRequest(("s000001",), "compact", Path("out"), settings={"augment": {"blur": 0}}, folds=0),
    TuneRequest(("s000001",), "compact", Path("out"), sampler="tpe"),
    ReproduceRequest("zhu2021", quick=True, out=Path("out")),
]


@pytest.mark.parametrize("request_", FULL, ids=lambda request: type(request).__name__)
def test_a_request_survives_json(request_: object) -> None:
    assert from_plain(type(request_), json.loads(json.dumps(to_plain(request_))), "The request") == request_


def test_a_job_that_0_4_0_queued_is_understood() -> None:
    fields_of_view = {"background_radius": 96, "smoothing": 1.0, "method": "noise", "threshold": 3.0, "min_area": 160}
    queued = {
        "paths": ["/data/uploads/1/a.zip"],
        "name": "Screen",
        "channel": None,
        "class_from_folder": False,
        "pixel_size_um": 0.5,
        "tile_px": None,
        "fields": fields_of_view,
        "again_since_utc": "2026-01-01T00:00:00Z",
    }
    request = from_plain(ImportRequest, queued, "The job")
    assert request.paths == (Path("/data/uploads/1/a.zip"),) and request.fields == SegmentationSettings()
    assert from_plain(PredictRequest, {"study": "s000001", "model": "m", "mode": "fast"}, "x").mode == "fast"


@pytest.mark.parametrize(
    ("task", "payload", "said"),
    [
        (import_task, {"paths": ["a.zip"]}, "name is missing"),
        (import_task, {"paths": ["a.zip"], "name": "x", "tile_px": "wide"}, "tile_px is 'wide', where a whole number"),
        (predict_task, {"study": "s", "mode": "slow"}, "mode is 'slow', where one of exact, fast is expected"),
    ],
)
def test_a_job_that_this_version_cannot_do_is_refused_in_words(task, payload, said) -> None:
    with pytest.raises(JobError, match=said):
        task(None, payload, None, None)
