"""The Models page shows the checks of a card: the verdict in words, tables, and what has not been measured."""

from __future__ import annotations

import json
from pathlib import Path

from app_walk import Walk, is_healthy, texts

SWAP = {
    "what": "background level",
    "kind": "background",
    "accuracy": 0.5,
    "low": 0.4,
    "high": 0.6,
    "control": 0.8,
    "cost": 0.3,
    "cost_low": 0.2,
    "cost_high": 0.4,
    "limit": 0.05,
    "decides": True,
}
FIGURE = {
    "figure": "balanced_accuracy",
    "recording": {"value": 0.7, "low": 0.6, "high": 0.8},
    "network": {"value": 0.75, "low": 0.7, "high": 0.8},
}
AUDIT = {
    "passed": False,
    "level": "failed",
    "sentence": "A shortcut explains a part of these figures.",
    "chance": 0.33,
    "alone": {"figures": [FIGURE]},
    "swaps": [SWAP],
    "accuracy": {"value": 0.8, "low": 0.7, "high": 0.9},
}
ROW = {
    "change": "unchanged",
    "strength": "as recorded",
    "accuracy": 0.8,
    "low": 0.7,
    "high": 0.9,
    "cost": 0.0,
    "cost_low": 0.0,
    "cost_high": 0.0,
    "share_shift": 0.0,
    "cells": 300,
    "samples": 9,
}


def change_card(folder: Path, **changes: object) -> None:
    path = next((folder / "models").glob("*/card.json"))
    card = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps({**card, **changes}), "utf-8")


def shown(walk: Walk) -> tuple[bool, str, str]:
    test = walk("pages/models.py", model="random-compact")
    tables = "\n".join(table.value.to_string() for table in test.dataframe)
    return is_healthy(test), texts(test), tables


def test_a_card_without_checks_says_so(walk: Walk, data_folder: Path) -> None:
    healthy, said, _ = shown(walk)
    assert healthy, said
    assert "Not measured for this model" in said


def test_a_failed_audit_is_told_in_words(walk: Walk, data_folder: Path) -> None:
    changes = [ROW, {**ROW, "change": "blur", "strength": "1 px", "accuracy": 0.6, "low": 0.5, "high": 0.7}]
    change_card(data_folder, audit=AUDIT, robustness=changes, mark="a shortcut may explain its figures")
    healthy, said, tables = shown(walk)
    assert healthy, said
    assert "not passed" in said
    assert AUDIT["sentence"] in said
    assert "This model is marked: a shortcut may explain its figures." in said
    assert "30.0 points (20.0 to 40.0)" in tables
    assert "0.700 (0.600 to 0.800)" in tables
    assert "60.0 % (50.0 to 70.0)" in tables


def test_a_passed_audit_is_told_in_words(walk: Walk, data_folder: Path) -> None:
    passed = {**AUDIT, "passed": True, "level": "clear", "sentence": "The network does not use it.", "swaps": []}
    change_card(data_folder, audit=passed)
    healthy, said, _ = shown(walk)
    assert healthy, said
    assert "The network does not use it." in said and ">passed<" in said
