"""A shortcut that a network has learnt fails the audit of its card; a shortcut that it cannot see does not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from tiny_cells import CLASSES, QUICK, RECIPE, toy_data

from nscweb.core.recipe import InputRecipe
from nscweb.evaluation.scores.right_answers import RightAnswers
from nscweb.training.augment import AugmentSettings
from nscweb.training.card_writer import CardText
from nscweb.training.checks.audit_words import FAILED_MARK, audit_sentence, plain_name
from nscweb.training.checks.card_checks import Checks, with_checks
from nscweb.training.data.dataset import LabelledCell, SampleLabel, TrainingData, collect
from nscweb.training.make_model import train

TEXT = CardText("Toys", "Round or long.", "python x", "2026-01-02T03:04:05Z", limits=("A limit.",))
LEFT_IN = InputRecipe(field_px=(24, 24), resize=(24, 24), background="none", contrast="none", divide_by=255)
STRETCHED = InputRecipe(resize=(24, 24))
CONFIG = replace(QUICK, epochs=6, augment=AugmentSettings.off(flip=0.5))


def confounded(light: bool = False, frames: bool = False) -> Iterator[LabelledCell]:
    """Round and long cells that are hard to tell; with `light` the long ones lie on a brighter background, with
    `frames` their frames are taller."""
    generator = np.random.default_rng(3)
    ys, xs = np.mgrid[:36, :36] - 17.5
    for label, name in enumerate(CLASSES.names):
        for replicate in range(6):
            sample = SampleLabel(f"{name} {replicate}", "toy", 24.0, str(replicate))
            for _ in range(40):
                level = 160 if light and label == 1 else 100
                y, x = generator.uniform(-1.5, 1.5, 2)
                wide = generator.normal(4.0 + 1.2 * label, 0.8)
                body = np.exp(-(((ys - y) / 4.0) ** 2) - ((xs - x) / max(2.0, wide)) ** 2)
                pixels = np.clip(level - 40 * body + generator.normal(0, 4, ys.shape), 0, 255).astype(np.uint8)
                cut = 4 if frames and label == 0 else 0
                yield LabelledCell(sample, label, pixels[None, cut : 36 - cut])


def data_with(recipe: InputRecipe, *, light: bool = False, frames: bool = False) -> TrainingData:
    return collect(confounded(light, frames), CLASSES, recipe, simulated=True, description="Toys.", licence="CC0-1.0")


@pytest.fixture(scope="module")
def cards(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return {
        name: train(CONFIG, data, folder / name, TEXT).card
        for name, data in (
            ("left_in", data_with(LEFT_IN, light=True)),
            ("taken_off", data_with(RECIPE, light=True)),
            ("stretched", data_with(STRETCHED, frames=True)),
            ("padded", data_with(RECIPE, frames=True)),
        )
    }


def swap(card, kind):
    return next(row for row in card.audit["swaps"] if row["kind"] == kind)


def test_background_that_differs_by_class_fails_a_recipe_that_leaves_it_in(cards):
    audit = cards["left_in"].audit
    assert not audit["passed"] and audit["level"] == "failed"
    assert swap(cards["left_in"], "background")["cost_low"] > 0.2
    assert "background" in audit["sentence"] and "points" in audit["sentence"]
    assert cards["left_in"].limits[0] == audit["sentence"]
    assert cards["left_in"].mark == FAILED_MARK


def test_the_same_cells_pass_a_recipe_that_takes_the_background_off(cards):
    card = cards["taken_off"]
    alone = {row["figure"]: row["recording"]["value"] for row in card.audit["alone"]["figures"]}
    assert alone["balanced_accuracy"] > 0.99 and alone["auc"] > 0.99
    assert card.audit["alone"]["single"][0]["feature"] in ("background", "mean_intensity")
    assert card.audit["passed"] and card.audit["level"] == "remark"
    assert abs(swap(card, "background")["cost"]) < 0.02
    assert "little or no use of it" in card.audit["sentence"]
    assert card.limits[0] == card.audit["sentence"]
    assert card.mark == ""


def test_frames_that_differ_by_class_fail_a_recipe_that_stretches_them(cards):
    card = cards["stretched"]
    assert not card.audit["passed"]
    assert swap(card, "frame")["cost_low"] > 0.05
    assert "frame size" in card.audit["sentence"]


def test_frames_that_differ_by_class_pass_a_field_that_lies_inside_all_of_them(cards):
    card = cards["padded"]
    assert card.audit["passed"]
    assert abs(swap(card, "frame")["cost"]) < 0.02
    assert abs(swap(card, "padding")["cost"]) < 0.08


def test_figures_have_intervals_around_them_and_say_how_they_were_made(cards):
    for card in cards.values():
        for row in card.audit["alone"]["figures"]:
            for one in (row["recording"], row["network"]):
                assert 0 <= one["low"] <= one["value"] <= one["high"] <= 1
        assert {row["figure"] for row in card.audit["alone"]["figures"]} == {
            "balanced_accuracy",
            "accuracy",
            "macro_f1",
            "auc",
        }
        assert "bootstrap" in card.audit["interval"]
        assert {row["kind"] for row in card.audit["swaps"]} == {
            "background",
            "gradient",
            "noise",
            "contrast",
            "light",
            "frame",
            "padding",
        }


def test_without_cells_as_stored_an_equal_network_cannot_be_cleared(tmp_path):
    bare = replace(data_with(RECIPE, light=True), raw=None)
    card = train(CONFIG, bare, tmp_path / "bare", TEXT).card
    assert not card.audit["passed"]
    assert "could not be measured" in card.audit["sentence"]
    assert card.robustness == ()
    blind = replace(bare, nuisance=None)
    card = train(replace(CONFIG, epochs=1), blind, tmp_path / "blind", TEXT).card
    # What plain features say of the same cells needs neither.
    assert set(card.audit) == {"baseline"}


def test_the_checks_can_be_left_out_and_be_made_again(tmp_path):
    card = train(replace(CONFIG, epochs=1), toy_data(), tmp_path / "toys", TEXT, checks=False).card
    assert card.audit == {} and card.robustness == ()
    failed = with_checks(card, Checks({"passed": False, "level": "failed", "sentence": "Bad."}))
    assert failed.limits == ("Bad.", *card.limits) and failed.mark == FAILED_MARK
    again = with_checks(failed, Checks({"passed": True, "level": "clear", "sentence": "Good."}))
    assert again.limits == card.limits and again.mark == ""


def test_intervals_of_pairs_are_narrow_and_a_single_sample_is_drawn_by_cells():
    rng = np.random.default_rng(0)
    labels, samples = np.repeat([0, 1], 500), np.repeat(np.arange(20), 50)
    good = rng.random(1000) < np.repeat(rng.uniform(0.4, 1.0, 20), 50)
    worse = good & (rng.random(1000) > 0.1)
    answers = RightAnswers.of(labels, samples, ("a", "b"), seed=1)
    cost = answers.cost(good, worse)
    assert cost.value == pytest.approx(good.mean() - worse.mean())
    assert cost.high - cost.low < answers.accuracy(good).high - answers.accuracy(good).low
    assert answers.balanced(good).value == pytest.approx(good.mean())
    alone = RightAnswers.of(labels, labels, ("a", "b"), seed=1)
    assert "cells" in alone.how.label
    wide = alone.accuracy(good)
    assert 0.03 < wide.high - wide.low < 0.09


def test_sentences_are_plain():
    assert plain_name("gradient_x of Ch2") == "slope of the illumination to the right of Ch2"
    row = {"kind": "light", "what": plain_name("light"), "cost": 0.213}
    said = audit_sentence("failed", {}, [row], row, 0.5)
    assert "falls by 21.3 points" in said and "are replaced" in said
