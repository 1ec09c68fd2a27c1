"""Pixel sizes that are known, and the question where one is not: what a light may say before and after the answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from asked import predict_study
from predicted import fresh_app
from random_models import write_random_model
from small_studies import add_study

from nscweb.core.errors import WrongUse
from nscweb.core.recipe import InputRecipe
from nscweb.core.run_record import SETTING
from nscweb.core.samples import Sample
from nscweb.services.predict.light_samples import run_warnings
from nscweb.services.predict.lights import judged, lights_of
from nscweb.services.report.origin import run_provenance
from nscweb.services.study.understood.same_setting import answer, asked_models, setting_of
from nscweb.services.study.understood.understanding import offers, take, understand

RECIPE = InputRecipe(field_px=(48, 48))


@pytest.fixture
def made(tmp_path):
    """A study and a model that do not know their pixel sizes, and a run with a green and a red sample."""
    app = fresh_app(tmp_path)
    write_random_model(tmp_path / "models" / "compact-like", recipe=RECIPE)
    images = [np.random.default_rng(0).integers(0, 255, (1, 50, 50)).astype(np.uint8) for _ in range(4)]
    study = add_study(app, "two", [(Sample("a"), images), (Sample("b"), images)], simulated=False)
    run = predict_study(app, study.name, "compact-like")
    items = [
        {"sample_id": name, "light": light, "reasons": [], "notes": [], "advice": [], "cells": 4, "far": 0}
        | {
            "kind": "input",
            "expected": 0.05,
            "unlike": False,
            "sentence": "",
            "figures": {},
            "shares": {},
            "share": 0.0,
        }
        for name, light in (("a", "green"), ("b", "red"))
    ]
    app.catalogue.change_run(run.run_id, fitness=items)
    return app, study, app.catalogue.run(run.run_id)


def test_until_it_is_answered_no_light_is_green_and_red_stays_red(made):
    app, _, run = made
    assert run.extra[SETTING] == "open"
    assert lights_of(run) == {"a": "yellow", "b": "red"}
    assert "not answered" in judged(run)[0]["reasons"][-1]
    assert any("not answered" in sentence for sentence in run_warnings(run))
    assert run_provenance(app, run, _filters())["fitness"][0]["light"] == "yellow"


def test_the_question_stands_on_the_card_with_two_readings_and_yes_frees_the_lights(made):
    app, study, run = made
    asked = [doubt for doubt in understand(app, study.study_id).doubts if doubt.answer]
    assert [doubt.answer for doubt in asked] == [("compact-like", "yes"), ("compact-like", "no")]
    assert len({doubt.sentence for doubt in asked}) == 1
    take(app, study, asked[0])
    now = app.catalogue.run(run.run_id)
    assert lights_of(now) == {"a": "green", "b": "red"}
    assert not any("setting" in sentence for sentence in run_warnings(now))
    assert not [doubt for doubt in understand(app, study.study_id).doubts if doubt.answer]
    # A later prediction knows the answer.
    assert predict_study(app, study.name, "compact-like").extra[SETTING] == "yes"


def test_no_keeps_them_yellow_with_another_reason(made):
    app, study, run = made
    answer(app, study, "compact-like", "no")
    now = app.catalogue.run(run.run_id)
    assert lights_of(now)["a"] == "yellow"
    assert "another setting" in judged(now)[0]["reasons"][-1]
    answer(app, study, "compact-like", "yes")
    assert lights_of(app.catalogue.run(run.run_id))["a"] == "green"
    with pytest.raises(WrongUse):
        answer(app, study, "compact-like", "perhaps")


def test_both_readings_cannot_be_taken_together(made):
    app, study, _ = made
    card = understand(app, study.study_id)
    numbers = [number for number, doubt in enumerate(card.doubts, start=1) if doubt.answer]
    with pytest.raises(WrongUse, match="say two things"):
        offers(card, numbers)


def test_an_answer_is_about_one_model_alone(made, tmp_path):
    app, study, run = made
    write_random_model(tmp_path / "models" / "other", recipe=RECIPE, seed=3)
    other = predict_study(app, study.name, "other")
    answer(app, study, "other", "yes")
    assert app.catalogue.run(other.run_id).extra[SETTING] == "yes"
    assert app.catalogue.run(run.run_id).extra[SETTING] == "open"
    info = app.catalogue.study_info(study.study_id)
    assert asked_models(app, study, info) == ("compact-like",)


@pytest.mark.parametrize(
    ("of_study", "of_model", "field", "expected"),
    [
        (0.5, 0.5, "px", "known"),
        (0.5, 1.0, "px", "known"),
        (None, 1.0, "px", "open"),
        (0.5, None, "px", "open"),
        (None, None, "px", "open"),
        (0.5, None, "um", "known"),
    ],
)
def test_both_pixel_sizes_make_it_known(made, of_study, of_model, field, expected):
    app, study, _ = made
    from nscweb.services.models import model_by_name

    card = model_by_name(app, "compact-like").card
    recipe = InputRecipe(field_um=(24.0, 24.0)) if field == "um" else replace(RECIPE, pixel_size_um=of_model)
    assert setting_of(replace(study, pixel_size_um=of_study), {}, replace(card, recipe=recipe)) == expected


def test_a_run_of_before_keeps_its_lights(made):
    _, _, run = made
    old = replace(run, extra={key: value for key, value in run.extra.items() if key != SETTING})
    assert lights_of(old) == {"a": "green", "b": "red"}


def _filters():
    from nscweb.evaluation.ratios.cell_filters import Filters

    return Filters()


@pytest.mark.parametrize(("of_study", "said"), [(0.5, True), (1.0, False), (1.01, False), (2.0, True)])
def test_a_prediction_says_that_images_were_brought_to_the_pixel_size_of_the_model(tmp_path, of_study, said):
    from nscweb.services.predict.runs import prediction_table

    app = fresh_app(tmp_path)
    write_random_model(tmp_path / "models" / "sized", recipe=replace(RECIPE, pixel_size_um=1.0))
    rng = np.random.default_rng(1)
    images = [rng.integers(0, 255, (1, 60, 60)).astype(np.uint8) for _ in range(4)]
    study = add_study(app, "sized", [(Sample("a"), images)], simulated=False, pixel_size_um=of_study)
    run = predict_study(app, study.name, "sized")
    assert run.extra[SETTING] == "known"
    sentences = [text for text in run_warnings(run) if "µm per pixel" in text]
    assert bool(sentences) == said
    assert [text for text in run_provenance(app, run, _filters())["warnings"] if "µm per pixel" in text] == sentences
    # The same cells without a pixel size are scored as they come.
    app.catalogue.update_study(study.study_id, pixel_size_um=None)
    plain = prediction_table(app, predict_study(app, study.name, "sized"))
    scores = ["p_astrocyte", "p_neuron", "p_oligodendrocyte"]
    same = np.allclose(prediction_table(app, run)[scores], plain[scores], atol=1e-6)
    assert same != said
