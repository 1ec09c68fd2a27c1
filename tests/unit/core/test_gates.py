"""Gates: sensible limits only, a digest that follows what they leave out, words for exports."""

from __future__ import annotations

import json

import pytest

from nscweb.core.errors import WrongUse
from nscweb.core.flags import FLAG_NAMES, flag
from nscweb.core.gates import DEFAULT_GATES, GATE_NAMES, Gates
from nscweb.core.plain import from_plain, to_plain


def test_the_defaults_are_the_limits_of_the_first_version():
    made = Gates()
    assert (made.focus, made.focus_floor, made.border, made.saturated) == (0.45, 0.12, 0.06, 0.02)
    assert (made.signal, made.objects) == (2.0, 1)
    assert not any(made.on(name) for name in ("size", "shape", "population"))
    assert all(made.on(name) for name in GATE_NAMES[:5])


def test_every_gate_sets_the_flag_of_its_name():
    assert set(GATE_NAMES) | {"constant"} == set(FLAG_NAMES)
    assert [flag(name).bit for name in ("size", "shape", "population")] == [64, 128, 256]


def test_gates_survive_json():
    made = Gates(area_low=20, aspect_high=0.9, populations=("live", "<b>"), off=("border",), pixel_size_um=0.33)
    assert from_plain(Gates, json.loads(json.dumps(to_plain(made))), "x") == made
    assert from_plain(Gates, {}, "x") == DEFAULT_GATES
    assert from_plain(Gates, {"unknown": 1, "focus": 0.3}, "x").focus == 0.3


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({}, True),
        ({"pixel_size_um": 0.5}, True),
        ({"area_low": 50, "off": ("size",)}, True),
        ({"focus": 0.5}, False),
        ({"off": ("blurred",)}, False),
        ({"area_low": 50}, False),
        ({"populations": ("a",)}, False),
    ],
)
def test_the_digest_follows_what_is_left_out(changes, same):
    assert (DEFAULT_GATES.changed(**changes).digest() == DEFAULT_GATES.digest()) is same


def test_the_digest_knows_no_order_and_no_kind_of_number():
    one, other = Gates(populations=("a", "b"), area_low=5), Gates(populations=("b", "a"), area_low=5.0)
    assert one.digest() == other.digest()
    off = Gates(off=("blurred",))
    assert off.digest() == off.changed(focus=0.9).digest()


def test_the_sentence_names_every_gate_that_is_on():
    text = DEFAULT_GATES.sentence()
    assert text.startswith("Left out: no signal at all, empty (contrast below 2 times the noise), several cells")
    assert "out of focus (below 45 % of the sample's median focus" in text
    assert "area" not in text
    assert "Switched off" not in text
    made = Gates(area_low=40, area_high=400, aspect_low=0.3, populations=("live",), off=("border", "saturated"))
    text = made.sentence()
    assert "area below 40 pixels or above 400 pixels" in text
    assert "aspect ratio below 0.3" in text
    assert "in none of the populations live" in text
    assert text.endswith("Switched off: cut by the frame, saturated.")
    assert "area below 10 µm² (40 pixels)" in made.changed(pixel_size_um=0.5).sentence()


@pytest.mark.parametrize(
    "changes",
    [
        {"focus": -0.1},
        {"focus": float("nan")},
        {"focus": "0.5"},
        {"objects": 0},
        {"objects": 1.5},
        {"border": True},
        {"area_low": 50, "area_high": 40},
        {"aspect_low": 0.8, "aspect_high": 0.5},
        {"off": ("focus",)},
        {"sharpness": 1},
    ],
)
def test_limits_that_make_no_sense_are_refused(changes):
    with pytest.raises(WrongUse):
        DEFAULT_GATES.changed(**changes)


def test_gates_are_switched_one_at_a_time():
    made = DEFAULT_GATES.switched("border", on=False).switched("blurred", on=False)
    assert made.off == ("border", "blurred")
    assert made.switched("border", on=True).off == ("blurred",)
    assert made.switched("border", on=False) == made


def test_the_short_form_names_every_limit_that_holds():
    assert DEFAULT_GATES.brief() == (
        "contrast >= 2 noise; objects <= 1; border <= 6 %; focus >= 45 %; saturated <= 2 %"
    )
    made = Gates(area_low=40, area_high=400, aspect_low=0.3, populations=("live",), off=("border", "saturated"))
    assert made.brief(("size", "shape", "population", "border")) == ("area 40 to 400 px; aspect ratio >= 0.3; in live")
    assert made.brief(()) == "none"
    assert Gates(aspect_high=0.5).brief(("shape",)) == "aspect ratio <= 0.5"


def test_the_sentence_can_be_about_some_flags_only():
    assert DEFAULT_GATES.sentence(("blurred",)).startswith("Left out: out of focus")
    assert DEFAULT_GATES.sentence(()) == "No cell is left out for its quality."
