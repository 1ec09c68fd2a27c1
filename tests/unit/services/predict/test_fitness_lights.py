"""The light of a sample: what decides it, what only colours it, what it says, and that runs keep it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from asked import predict_study
from predicted import fresh_app
from random_models import write_random_model
from small_studies import add_study

from nscweb.core.samples import Sample
from nscweb.evaluation.audit.shift import Known, Summary
from nscweb.services.predict.light_rules import indifferent, judge
from nscweb.services.predict.light_samples import light_sentences, together
from nscweb.services.predict.light_tables import fitness_table, lights_table
from nscweb.services.predict.lights import judged, lights_of
from nscweb.training.checks.known_samples import with_known_samples
from nscweb.training.jury import Jury
from nscweb.training.splits.plan import Split

_SPREAD = np.linspace(-1, 1, 40)
KNOWN = {
    "embedding": Known(tuple(0.7 + 0.05 * _SPREAD), 0.1, True),
    "input": Known(tuple(0.65 + 0.05 * _SPREAD), 0.1, True),
    "confidence": Known(tuple(0.9 + 0.05 * _SPREAD), 0.1),
    "background": Known(tuple(101 + 4 * _SPREAD), 2.0),
    "area": Known(tuple(290 + 20 * _SPREAD), 80.0, True),
    "focus": Known(tuple(0.45 + 0.04 * _SPREAD), 0.1, True),
}
USUAL = {"embedding": 0.7, "input": 0.65, "confidence": 0.9, "background": 101.0, "area": 290.0, "focus": 0.45}


@pytest.fixture(scope="module")
def card(tmp_path_factory):
    """A model that was asked what harms it, and nothing did."""
    found = write_random_model(tmp_path_factory.mktemp("lights") / "random").card
    return replace(found, robustness=({"kind": "rotation", "amount": 90.0, "cost": 0.0},))


def _judge(card, shares=None, chances=None, unlike="", known=KNOWN, **values):
    found = {name: Summary(value, KNOWN[name].within, 200) for name, value in {**USUAL, **values}.items()}
    return judge(card, known, found, {"embedding": 0.05, "input": 0.05, **(shares or {})}, chances, unlike)


def test_a_usual_sample_is_green_and_needs_no_word(card):
    found = _judge(card)
    assert (found.light, found.reasons, found.notes, found.advice) == ("green", (), (), ())
    assert set(found.figures) == set(USUAL)


def test_what_the_network_sees_makes_red_when_many_cells_are_far_out(card):
    red = _judge(card, {"embedding": 0.6}, embedding=1.1)
    assert red.light == "red"
    assert "60 % of the cells" in red.reasons[0]
    assert "Do not use the ratio" in red.advice[0]
    assert _judge(card, {"embedding": 0.1}, embedding=1.1).light == "yellow"
    assert _judge(card, embedding=0.4).light == "green"  # nearer than known cells is no fault


def test_images_alone_make_red_only_when_nearly_all_cells_differ(card):
    assert _judge(card, {"input": 0.5}, input=1.2).light == "yellow"
    assert _judge(card, {"input": 0.95}, input=1.2).light == "red"


def test_a_pattern_in_many_numbers_makes_yellow_and_says_that_single_cells_do_not_show_it(card):
    found = _judge(card, chances={"input": 1e-4})
    assert found.light == "yellow"
    assert "by all of them in one direction; fewer than 1 in 10,000 good samples" in found.reasons[0]


@pytest.mark.parametrize(
    ("number", "value", "words"),
    [
        ("background", 151.0, "Background level 151 against 101 in training (samples there: 97 to 105)"),
        ("area", 580.0, "Cells 100 % larger: 580 px against 290 px"),
        ("focus", 0.2, "Less sharp images"),
        ("confidence", 0.6, "The model is less sure"),
    ],
)
def test_what_the_camera_stored_and_low_scores_make_yellow_in_words(card, number, value, words):
    found = _judge(card, **{number: value})
    assert found.light == "yellow"
    assert found.reasons[0].startswith(words)
    assert len(found.advice) == (1 if number == "confidence" else 2)


def test_what_the_model_was_shown_not_to_look_at_changes_no_light(card):
    swap = {"kind": "background", "cost_high": 0.01}
    tried = ({"kind": "light", "cost": 0.0}, {"kind": "light", "cost": 0.01})
    proven = replace(card, audit={"swaps": [swap]}, robustness=tried)
    found = _judge(proven, background=151.0)
    assert found.light == "green"
    assert "151 against 101" in found.notes[0]
    assert "does not matter to it" in found.notes[0]
    for other in (
        replace(proven, audit={"swaps": [{**swap, "cost_high": 0.2}]}),
        replace(proven, robustness=({"kind": "light", "cost": 0.3},)),
        replace(proven, recipe=replace(card.recipe, background="none")),
        card,
    ):
        assert not indifferent(other, "background")
        assert _judge(other, background=151.0).light == "yellow"
    assert not indifferent(proven, "area")


def test_an_older_card_judges_by_single_cells_and_says_so(card):
    assert "does not say how whole samples" in _judge(card, known={}).notes[0]
    assert _judge(card, {"input": 0.3}, unlike="input", known={}).light == "yellow"
    red = _judge(card, {"input": 0.7}, unlike="input", known={})
    assert (red.light, red.figures) == ("red", {})


def test_few_held_out_samples_are_said_and_single_cells_still_judge(card):
    few = {name: replace(item, values=item.values[:3]) for name, item in KNOWN.items()}
    found = _judge(card, {"embedding": 0.9}, unlike="embedding", known=few, embedding=3.0)
    assert found.light == "red"
    assert "Only 3 samples were held out" in found.notes[0]


def test_lights_are_made_at_prediction_from_a_card_that_knows_samples_and_kept_with_the_run(tmp_path):
    from nscweb.core.card import read_card
    from nscweb.models.loading import load_model
    from nscweb.services.train.finished_model import write_card
    from nscweb.training.data.dataset import with_pixel_size
    from nscweb.training.data.simulated import simulated_data

    app = fresh_app(tmp_path)
    data = simulated_data(180 * 8, 31)
    described = [data.raw.images[place] for place in range(0, len(data), 4)]
    entry = write_random_model(tmp_path / "models" / "knowing", recipe=data.recipe, describes=described)
    rows = np.arange(len(data))
    out = np.isin(data.sample_of, np.arange(0, 180, 3))
    split = Split(rows[~out], rows[:0], rows[out], "By sample.")
    known = with_known_samples(entry.card.calibration, Jury.alone(load_model(entry).eval(), data, split))
    figures = known["known_samples"]["figures"]
    assert (len(figures["embedding"]["values"]), len(figures["background"]["values"])) == (60, 180)
    assert set(known["known_samples"]["patterns"]) == {"embedding", "input"}
    harmless = ({"kind": "rotation", "amount": 90.0, "cost": 0.0},)
    recipe = with_pixel_size(entry.card.recipe, data.pixel_size_um)
    write_card(entry, replace(entry.card, calibration=known, robustness=harmless, recipe=recipe))
    assert read_card(entry.folder).card.calibration["known_samples"] == known["known_samples"]
    rng = np.random.default_rng(0)
    fresh = [data.raw.images[place] for place in rng.permutation(len(data))[:60]]
    noise = [rng.integers(0, 255, (1, 45, 60)).astype(np.uint8) for _ in range(20)]
    study = add_study(
        app, "two", [(Sample("good"), fresh), (Sample("noise"), noise)], simulated=False, pixel_size_um=1.0
    )
    run = predict_study(app, study.name, "knowing")
    assert lights_of(run) == {"good": "green", "noise": "red"}
    bad = judged(run)[1]
    assert bad["unlike"]
    assert bad["reasons"]
    assert bad["advice"]
    assert lights_table(run)["sample_id"].tolist() == ["noise", "good"]
    table = fitness_table(run, ["noise"])
    assert set(table["sample_id"]) == {"noise"}
    assert table.set_index("number").loc["input", "deviations"] > 5
    assert "input_pattern" in set(table["number"])
    # A run of before is not judged, and nothing breaks.
    old = replace(run, extra={**run.extra, "fitness": [{"sample_id": "good", "unlike": False}]})
    assert lights_of(old) == {}
    assert lights_table(old).empty


def test_all_samples_together_and_yellow_ones_are_said(card):
    from nscweb.services.predict.fitness import SampleFitness

    green = SampleFitness("a", 1, 0, "input", 0.05, False, light="green")
    assert together([green], False)[0].light == "green"
    assert together([green], True)[0].light == "yellow"
    yellow = replace(green, light="yellow", reasons=("Why.",))
    assert light_sentences([green, yellow]) == ['The sample "a" has a yellow trust light: Why.']
    assert "2 of 2 samples have a yellow trust light (a, a)" in light_sentences([yellow, yellow])[0]
    assert light_sentences([green]) == []


def test_a_sample_of_few_cells_is_never_green(card):
    found = judge(card, KNOWN, {}, {"embedding": 0.05}, cells=5)
    assert (found.light, len(found.advice)) == ("yellow", 1)
    assert found.reasons[0].startswith("Too few cells to judge (5)")
    assert judge(card, KNOWN, {}, {"embedding": 0.05}, cells=20).light == "green"
