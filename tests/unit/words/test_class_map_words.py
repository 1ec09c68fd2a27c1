"""The line on what maps are worth follows from the intervals of the card, whatever way they point."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from nscweb.words.class_map_words import map_sentence, map_sentences, worth

BETTER, WORSE, OPEN = (0.1, 0.3), (-0.3, -0.1), (-0.1, 0.1)


def against(deletion, insertion):
    return {
        name: {"value": sum(span) / 2, "low": span[0], "high": span[1]}
        for name, span in (("deletion", deletion), ("insertion", insertion))
    }


def card(**methods):
    """Method -> (all layers, moved by a pixel, rival -> spans of both curves)."""
    rows = [
        {
            "order": name.replace("_", "-"),
            "kind": "map",
            "all_layers": {"value": same},
            "shift_1px": {"value": steady},
            "against": {rival: against(*spans) for rival, spans in rivals.items()},
        }
        for name, (same, steady, rivals) in methods.items()
    ]
    return SimpleNamespace(name="mine", map_tests={"cells": 120, "area": 0.1, "orders": rows} if rows else {})


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ((BETTER, BETTER), "better"),
        ((BETTER, OPEN), "partly"),
        ((OPEN, OPEN), "no better"),
        ((BETTER, WORSE), "no better"),
        ((WORSE, OPEN), "worse"),
        ((WORSE, WORSE), "worse"),
    ],
)
def test_both_curves_decide(spans, expected):
    assert worth(against(*spans)) == expected


def test_a_map_that_does_not_beat_the_middle_is_said_to():
    found = card(grad_cam=(0.1, 0.9, {"centre": (OPEN, OPEN), "random": (BETTER, BETTER)}))
    assert map_sentence(found, "grad-cam") == (
        "Tested on 120 held-out cells: pixels marked by Grad-CAM tell the model more than pixels drawn at random, "
        "but no more than the middle of the frame."
    )
    lost = card(grad_cam=(0.1, 0.9, {"centre": (WORSE, WORSE), "random": (OPEN, OPEN)}))
    assert map_sentence(lost, "grad-cam").endswith(
        "tell the model no more than pixels drawn at random, but less than the middle of the frame."
    )


def test_a_better_way_is_named_and_doubts_are_added():
    every = {"centre": (BETTER, BETTER), "contrast": (BETTER, OPEN), "random": (BETTER, BETTER)}
    found = card(
        grad_cam=(0.8, 0.9, {"centre": (OPEN, OPEN)}),
        integrated_gradients=(0.1, 0.3, {**every, "grad-cam": (BETTER, BETTER)}),
    )
    first, second = map_sentences(found)
    assert first.endswith("they show the image more than the model. By the same tests integrated gradients do better.")
    assert "more than the middle of the frame, pixels drawn at random and those marked by Grad-CAM" in second
    assert "by one of two tests" in second and second.endswith("read areas, not single pixels.")


def test_a_model_that_was_not_tested_says_how_to():
    assert "nscweb models audit mine --maps-only" in map_sentence(card(), "occlusion")
    assert map_sentences(card()) == []
