"""What a light says of changes that the card calls harmful: seen, shadows of one another, not tested, not known."""

from __future__ import annotations

from dataclasses import replace

import pytest
from random_models import write_random_model

from nscweb.evaluation.audit.change_tests import Amount, Harm, Unexplained
from nscweb.inference.familiarity import CHANGES_KEY
from nscweb.services.predict.light_changes import (
    FEW_SAMPLES,
    SHOWN_BY,
    change_grounds,
    change_names_of,
    sentence_of_tests,
    untested_words,
)
from nscweb.services.predict.light_rules import judge
from nscweb.training.checks.robustness import planned_changes

LARGER = Harm("scale", "scale", "× 1.25", 0.31)
BLURRED = Harm("blur", "blur", "2 px", 0.12)
NOISY = Harm("noise", "noise", "10 % of contrast", 0.08)
FINE = Harm("jpeg", "JPEG compression", "quality 90", 0.01)


def amount(harm, value, *, seen=True, tested=True, deviations=10.0):
    return Amount(harm, value, 0.3, deviations, seen, tested)


def row(harm):
    return {"kind": harm.kind, "change": harm.change, "strength": harm.strength, "amount": 1.0, "cost": harm.cost}


@pytest.fixture(scope="module")
def card(tmp_path_factory):
    """A model that three changes harm, with tests for them."""
    found = write_random_model(tmp_path_factory.mktemp("changes") / "random").card
    rows = tuple(row(harm) for harm in (LARGER, BLURRED, NOISY, FINE))
    return replace(found, robustness=rows, calibration={**found.calibration, CHANGES_KEY: {"there": True}})


QUIET = [amount(harm, 0.0, seen=False, deviations=0.0) for harm in (LARGER, BLURRED, NOISY)]


def test_a_sample_without_any_change_has_no_ground(card):
    assert change_grounds(card, QUIET, 200) == []


@pytest.mark.parametrize(("harm", "name"), [(LARGER, "size"), (BLURRED, "focus"), (NOISY, "noise")])
def test_a_change_that_is_seen_makes_yellow_and_names_what_shows_it(card, harm, name):
    found = change_grounds(card, [amount(harm, 0.6), *[item for item in QUIET if item.harm != harm]], 200)
    assert [(ground.light, ground.name) for ground in found] == [("yellow", name)]
    assert f"Other {name}: the images look as if changed by 0.6 times what {harm.change}" in found[0].sentence
    assert f"costs this model {100 * harm.cost:.0f} points" in found[0].sentence


def test_red_needs_the_whole_change_a_great_cost_and_nothing_that_fits_better(card):
    assert change_grounds(card, [amount(LARGER, 1.1)], 200)[0].light == "red"
    assert change_grounds(card, [amount(LARGER, 0.9)], 200)[0].light == "yellow"
    assert change_grounds(card, [amount(BLURRED, 1.5)], 200)[0].light == "yellow"
    likest = change_grounds(card, [amount(LARGER, 1.1), amount(FINE, 1.0, deviations=40.0)], 200)
    assert likest[0].light == "yellow"
    assert "even more like JPEG compression, quality 90, which costs little" in likest[0].sentence


def test_what_is_certain_but_too_small_to_cost_anything_changes_no_light(card):
    assert change_grounds(card, [amount(LARGER, 0.05), *QUIET[1:]], 400) == []
    assert change_grounds(card, [amount(FINE, 3.0), *QUIET], 400) == []


def test_shadows_of_a_change_are_not_told(card):
    seen = [amount(LARGER, 0.8, deviations=30.0), amount(BLURRED, 0.5, deviations=12.0), QUIET[2]]
    assert [ground.name for ground in change_grounds(card, seen, 200)] == ["size"]


def test_a_test_that_cannot_be_made_is_said_and_makes_yellow(card):
    blind = [amount(LARGER, 0.1, seen=False, tested=False), QUIET[1], amount(NOISY, 0.0, seen=False, tested=False)]
    found = change_grounds(card, blind, 45)
    assert [ground.light for ground in found] == ["yellow"]
    assert found[0].sentence.startswith("Noise and size were not tested: in 45 cells, noise, 10 % of contrast")
    assert change_grounds(card, blind, 5) == []  # so few cells are yellow by themselves


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ((LARGER,), "Size was not tested"),
        ((BLURRED, NOISY), "Focus and noise were not tested"),
        ((LARGER, BLURRED, NOISY), "Focus, noise and size were not tested"),
    ],
)
def test_an_old_card_says_what_was_not_tested(card, rows, words):
    old = replace(card, robustness=tuple(row(harm) for harm in (*rows, FINE)), calibration={})
    found = change_grounds(old, [], 200)
    assert [ground.light for ground in found] == ["yellow"]
    assert found[0].sentence.startswith(words)
    assert "--lights-only" in found[0].sentence
    assert change_names_of(old) == []


def test_a_card_without_a_table_tested_nothing_and_one_without_harm_needs_no_test(card):
    assert "Nothing was tested" in untested_words(replace(card, robustness=(), calibration={}), [], 200)[0]
    assert untested_words(replace(card, robustness=(row(FINE),), calibration={}), [], 200) == []


@pytest.mark.parametrize(
    ("matrix", "words"),
    [
        (((20, 1, 0), (0, 60, 0), (0, 0, 60)), "measured on 21 cells of astrocyte"),
        (((60, 0, 0), (0, 40, 9), (0, 0, 60)), "measured on 49 cells of oligodendrocyte"),
        (((50, 0, 0), (0, 0, 50), (0, 0, 50)), ""),
        ((), ""),
    ],
)
def test_a_model_that_was_measured_on_too_few_cells_makes_no_green(card, matrix, words):
    measured = replace(card, performance=replace(card.performance, confusion=matrix))
    found = judge(measured, {}, {}, {}, cells=200, amounts=QUIET)
    assert found.light == ("yellow" if words else "green")
    assert words in " ".join(found.reasons)


def test_what_no_ratio_explains_is_told_where_nothing_else_is(card):
    assert change_grounds(card, QUIET, 200, Unexplained(9.0, 5.0, True))[0].light == "yellow"
    assert change_grounds(card, QUIET, 200, Unexplained(3.0, 5.0, False)) == []
    both = change_grounds(card, [amount(LARGER, 0.8), *QUIET[1:]], 200, Unexplained(9.0, 5.0, True))
    assert [ground.name for ground in both] == ["size"]


@pytest.mark.parametrize(
    "seen", [[], [amount(LARGER, 0.6)], [amount(BLURRED, 0.6), amount(NOISY, 0.9, deviations=9.0)]]
)
def test_from_too_few_known_samples_every_reason_says_so(card, seen):
    there = {item.harm for item in seen}
    amounts = [*seen, *[item for item in QUIET if item.harm not in there]]
    alone = change_grounds(card, amounts, 200, Unexplained(5.0, 3.0, True))
    assert len(alone) == max(1, len(seen))
    assert all(ground.light == "yellow" and ground.sentence.endswith(FEW_SAMPLES) for ground in alone)
    # Whole samples were known: nothing of the kind is said.
    assert not any(FEW_SAMPLES in ground.sentence for ground in change_grounds(card, amounts, 200))
    # Green needs no excuse.
    assert change_grounds(card, QUIET, 200, Unexplained(1.0, 3.0, False)) == []


def test_the_light_keeps_the_numbers_and_says_what_to_do(card):
    found = judge(card, {}, {}, {}, cells=200, amounts=[amount(LARGER, 0.6), *QUIET[1:]])
    assert found.light == "yellow"
    assert found.figures["as by scale, × 1.25"]["value"] == pytest.approx(0.6)
    assert any("magnification" in advice for advice in found.advice)


def test_every_kind_of_change_has_a_word_for_what_shows_it():
    import numpy as np

    kinds = {change.kind for like in (np.uint8, np.uint16) for change in planned_changes(np.full((1, 9, 9), 3, like))}
    assert kinds <= set(SHOWN_BY)


def test_the_command_says_what_is_tested():
    assert "tested for 2 changes now: blur, 2 px; scale, × 1.25" in sentence_of_tests(
        "m", ["blur, 2 px", "scale, × 1.25"]
    )
    assert "no test was made" in sentence_of_tests("m", [])
