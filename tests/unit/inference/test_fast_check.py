"""Fast mode is measured on the machine that predicts; here by a clock of the test, so no wall time decides."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from random_models import write_random_model

from nscweb.core import rules
from nscweb.core.card import CardEntry
from nscweb.inference import fast_check, machine
from nscweb.inference.fast_check import (
    FastCheck,
    check_from_dict,
    keep_check,
    known_check,
    measure_here,
    read_check_cells,
    write_check_cells,
)
from nscweb.inference.tuning import Choice, read_choices


@pytest.fixture(scope="module")
def entry(tmp_path_factory: pytest.TempPathFactory) -> CardEntry:
    return write_random_model(tmp_path_factory.mktemp("models") / "random")


class Scorer:
    """Scores by the first pixel of a cell, at a rate by a clock of its own; some cells get another class."""

    def __init__(self, clock: list[float], rate: float, wrong: int = 0) -> None:
        self.clock, self.rate, self.wrong, self.seen = clock, rate, wrong, 0

    def predict_prepared(self, inputs: np.ndarray) -> np.ndarray:
        self.clock[0] += len(inputs) / self.rate
        self.seen += len(inputs)
        labels = inputs[:, 0, 0, 0].astype(int)
        moved = labels < self.wrong
        return np.eye(3, dtype=np.float32)[np.where(moved, 2, labels % 2)]


def measured(speedup: float, wrong: int = 0, cells: int = 1000, rate: float = 100.0) -> tuple[FastCheck, Scorer]:
    clock = [0.0]
    exact, fast = Scorer(clock, rate), Scorer(clock, rate * speedup, wrong)
    inputs = np.arange(cells, dtype=np.float32)[:, None, None, None]
    return measure_here(exact, fast, inputs, lambda: clock[0]), exact


def test_answers_and_speed_are_both_needed() -> None:
    good, _ = measured(2.0)
    assert good.passed and good.cells == 1000 and good.agreement == 1 and good.speedup == pytest.approx(2.0)
    assert measured(rules.FAST_LEAST_SPEEDUP + 0.01)[0].passed
    slow, _ = measured(1.2)
    assert not slow.passed and "1.20 times as quick" in slow.reason and "1.5 times" in slow.reason
    other, _ = measured(3.0, wrong=6)
    assert "another label to 0.60 % of 1,000 cells; 0.50 % is allowed" in other.reason
    shifted, _ = measured(3.0, wrong=3)
    assert "shifts a fate ratio by 0.30 points; 0.20 points are allowed" in shifted.reason


def test_few_cells_cannot_vouch_and_large_networks_are_seen_with_few() -> None:
    few, scorer = measured(2.0, cells=rules.FAST_LEAST_CELLS - 1)
    assert not few.passed and scorer.seen == 0 and "takes 200" in few.reason
    large, _ = measured(2.0, rate=5.0)
    assert large.passed and large.cells == rules.FAST_LEAST_CELLS


def test_what_was_measured_is_kept_for_this_machine_only(
    entry: CardEntry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "speeds.json"
    choice = {"backend": "onnx", "threads": 2, "batch": 64, "cells_per_second": 900.0}
    machine.keep_speed(path, "a choice", choice)
    assert known_check(path, entry, None) is None
    for check in (measured(2.0)[0], measured(1.2)[0]):
        keep_check(path, entry, None, check)
        known = known_check(path, entry, None)
        assert known is not None and known.as_dict() == check.as_dict()
    # Threads and batch that were measured before stay beside it.
    assert read_choices(path) == {"a choice": Choice(**choice)}
    assert known_check(path, entry, 2) is None
    other = CardEntry(entry.folder, replace(entry.card, exports={"fast": {"sha256": "0"}}))
    assert known_check(path, other, None) is None
    with monkeypatch.context() as patch:
        patch.setattr(machine, "processor", lambda: "another processor")
        assert known_check(path, entry, None) is None
    with monkeypatch.context() as patch:
        version = machine._version
        patch.setattr(machine, "_version", lambda name: "99" if name == "onnxruntime" else version(name))
        assert known_check(path, entry, None) is None
    assert known_check(path, entry, None) is not None


@pytest.mark.parametrize("data", [None, [], {}, {"backend": "onnx"}, {"passed": True, "cells": "many"}])
def test_damage_counts_as_not_measured(data: object) -> None:
    assert check_from_dict(data) is None


def test_a_check_that_was_not_timed_or_is_not_a_number_counts_as_not_measured() -> None:
    good = measured(2.0)[0].as_dict()
    assert check_from_dict(good) is not None
    assert check_from_dict({**good, "speedup": float("nan")}) is None
    assert check_from_dict({key: value for key, value in good.items() if key != "speedup"}) is None
    assert check_from_dict({**good, "passed": False}) is None


def test_the_processor_is_known_by_its_instruction_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for flags in ("avx2 sse", "sse avx2", "avx2 avx512_vnni sse"):
        path = tmp_path / "cpuinfo"
        core = f"processor\t: 0\nmodel name\t: Some CPU\ncpu MHz\t\t: {len(found)}000\nflags\t\t: {flags}\n\n"
        path.write_text(core * 2, "utf-8")
        monkeypatch.setattr(machine, "_CPUINFO", path)
        found.append(machine.processor.__wrapped__())
    assert "Some CPU" in found[0] and "MHz" not in found[0]
    assert found[0] == found[1] != found[2]


def test_cells_stay_beside_the_card_where_they_fit_it(entry: CardEntry, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_check_cells(entry) is None
    cells = np.random.default_rng(0).normal(size=(300, *entry.card.input_shape)).astype(np.float32)
    write_check_cells(entry, cells)
    kept = read_check_cells(entry)
    assert kept is not None and kept.shape == cells.shape
    # Half precision has 11 bits.
    assert np.abs(kept - cells).max() <= np.abs(cells).max() * 2.0**-11
    monkeypatch.setattr(fast_check, "_MOST_BYTES", 1)
    write_check_cells(entry, cells)
    kept = read_check_cells(entry)
    assert kept is not None and len(kept) == rules.FAST_LEAST_CELLS
    write_check_cells(entry, cells[..., :5])
    assert read_check_cells(entry) is None
    (entry.folder / fast_check.CHECK_FILE).write_bytes(b"no archive")
    assert read_check_cells(entry) is None
