"""A biologist who reads only the sentence on top is not misled: worst cases through the real services.

Cells are drawn from known shares; what the sentence says, and what it must not say, is asserted case by case.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from drawn_runs import drawn_held_out, drawn_run, grid

from nscweb.core.rules import DEFAULT_VARIANCE
from nscweb.evaluation.ratios.cell_filters import Filters
from nscweb.evaluation.scores.held_out import HeldOut
from nscweb.services.compare import courses, honest_scores, ratios
from nscweb.services.compare.compare_request import CompareRequest
from nscweb.services.compare.comparison import answer_of, comparison
from nscweb.services.context import App, open_app
from nscweb.settings import Settings
from nscweb.words.headline import Answer

HIGH, MIDDLE, LOW = [0.1, 0.1, 0.8], [0.3, 0.3, 0.4], [0.4, 0.4, 0.2]
NEURONS = [0.0, 0.0, 1.0]
KNOWN = drawn_held_out([24.0, 72.0])
SHARP = drawn_held_out([24.0], sharpness=8.0)
Key = tuple[str, float, int]
Ask = Callable[..., Answer]


def groups(hours: float = 24.0, replicates: int = 3, **shares: Sequence[float]) -> dict[Key, Sequence[float]]:
    return {(name, hours, n): share for name, share in shares.items() for n in range(1, replicates + 1)}


def counts(shares: Mapping[Key, object], usual: int, **few: int | tuple[int, ...]) -> dict[Key, int]:
    """Cells per sample: `usual`, or for some groups others, per replicate or for all of them."""
    result = {}
    for key in shares:
        number = few.get(key[0], usual)
        result[key] = number if isinstance(number, int) else number[key[2] - 1]
    return result


@pytest.fixture
def app(tmp_path: Path) -> App:
    return open_app(Settings.from_environment({}, tmp_path))


@pytest.fixture
def ask(app: App, monkeypatch: pytest.MonkeyPatch) -> Ask:
    number = count()

    def asked(
        shares: Mapping[Key, Sequence[float]],
        known: HeldOut | None = KNOWN,
        control: str = "",
        filters: Filters | None = None,
        time_h: float | None = 24.0,
        method: str = "pacc",
        variance: str = DEFAULT_VARIANCE,
        **about: Any,
    ) -> Answer:
        monkeypatch.setattr(ratios, "known_cells", lambda app, run: known)
        run = drawn_run(app, f"Worst {next(number)}", shares, **about)
        return answer_of(
            comparison(app, run, CompareRequest(filters or Filters(), method, control, variance=variance)),
            "neuron",
            time_h,
        )

    return asked


def no_claim(said: Answer) -> None:
    assert said.verdict in ("open", "none")
    assert "; higher" not in said.headline and ", and higher" not in said.headline


@pytest.mark.parametrize("replicates", [1, 2])
def test_few_replicates_have_no_p(ask: Ask, replicates: int) -> None:
    said = ask(groups(NGF=HIGH, NT4=LOW, replicates=replicates))
    no_claim(said)
    assert "p =" not in said.headline and "p <" not in said.headline
    assert "not shown to be higher than NT4" in said.headline and "fewer than three replicates" in said.headline
    assert ("nothing about the next culture" in said.headline) == (replicates == 1)


def test_one_replicate_beside_three_is_no_winner(ask: Ask) -> None:
    said = ask({**groups(NGF=HIGH, replicates=1), **groups(NT4=LOW, MT=MIDDLE)})
    no_claim(said)
    assert "1 replicate of" in said.headline


def test_a_red_sample_takes_its_group_out_and_says_how_many(ask: Ask) -> None:
    said = ask(groups(NGF=HIGH, NT4=LOW, MT=MIDDLE), lights={"NGF_24h_2": "red"})
    assert said.leader == "MT" and "(red trust light): NGF (1 of 3 samples)." in said.headline
    assert "NGF:" not in said.headline
    red = {f"NGF_24h_{number}": "red" for number in (1, 2, 3)}
    said = ask(groups(NGF=HIGH, NT4=LOW, MT=MIDDLE), lights=red)
    assert said.leader == "MT" and "(red trust light): NGF." in said.headline


def test_a_yellow_sample_is_said_on_either_side(ask: Ask) -> None:
    said = ask(groups(NGF=HIGH, NT4=LOW), lights={"NGF_24h_1": "yellow"})
    assert "take it with care" in said.headline
    said = ask(groups(NGF=HIGH, NT4=LOW), lights={"NT4_24h_1": "yellow"})
    assert "A yellow trust light marks what it is compared with: NT4." in said.headline


def test_when_all_are_red_there_is_no_number(ask: Ask) -> None:
    shares = groups(NGF=HIGH, NT4=LOW)
    said = ask(shares, lights=dict.fromkeys([f"{g}_24h_{n}" for g in ("NGF", "NT4") for n in (1, 2, 3)], "red"))
    assert said.verdict == "none" and "%" not in said.headline and "the cells of every group" in said.headline
    said = ask(shares, lights={"NGF_24h_1": "red", "NT4_24h_3": "red"})
    assert said.verdict == "none" and "samples of every group" in said.headline


def test_a_red_control_is_no_yardstick(ask: Ask) -> None:
    said = ask(groups(NGF=HIGH, NT4=LOW, MT=MIDDLE), lights={"NT4_24h_2": "red"}, control="NT4")
    no_claim(said)
    assert "not compared with NT4, whose cells are unlike" in said.headline


def test_samples_that_were_not_judged_are_said_so(ask: Ask) -> None:
    assert "was not judged" in ask(groups(NGF=HIGH, NT4=LOW), lights={}).headline


def test_a_flat_confusion_gives_no_number(ask: Ask) -> None:
    flat = drawn_held_out([24.0], sharpness=0.1)
    said = ask(groups(NGF=HIGH, NT4=LOW), flat)
    assert said.verdict == "none" and said.leader == "" and "%" not in said.headline
    assert "cannot be told" in said.headline and "later time point or a better model" in said.headline


@pytest.mark.parametrize("replicates", [1, 3])
def test_three_neurons_are_not_the_best_group(ask: Ask, replicates: int) -> None:
    shares = {**groups(TINY=NEURONS, replicates=replicates), **groups(NT4=LOW, MT=MIDDLE)}
    said = ask(shares, SHARP, cells=counts(shares, 300, TINY=3), sharpness=8.0)
    assert said.leader == "MT" and said.order[-1] == "TINY"
    assert f"too few to rely on: TINY ({3 * replicates})." in said.headline and "100 %" not in said.headline


def test_where_all_are_tiny_nothing_is_compared(ask: Ask) -> None:
    shares = groups(TINY=NEURONS, NT4=[0.6, 0.4, 0.0])
    no_claim(ask(shares, SHARP, cells=4, sharpness=8.0))
    alone = ask(groups(TINY=NEURONS, replicates=1), SHARP, cells=3, sharpness=8.0)
    assert "Only 3 cells were counted: too few to rely on" in alone.headline and "wide" in alone.headline


def test_one_huge_and_two_tiny_replicates(ask: Ask) -> None:
    shares = groups(NGF=HIGH, NT4=LOW)
    said = ask(shares, cells=counts(shares, 300, NGF=(5000, 5, 4)))
    assert "2 of its 3 replicates have fewer than 20 cells" in said.headline and "wide" in said.headline


def test_a_control_without_cells_at_that_time(ask: Ask) -> None:
    said = ask({**groups(NGF=HIGH, NT4=LOW), **groups(72.0, MT=MIDDLE)}, control="MT")
    no_claim(said)
    assert "not compared with MT, which has no cells then" in said.headline
    assert "day 1: NGF" in " ".join(said.details) and "not compared with MT" in " ".join(said.details)


def test_equal_groups_have_no_winner(ask: Ask) -> None:
    said = ask(groups(A=MIDDLE, B=MIDDLE, C=MIDDLE, D=MIDDLE, E=MIDDLE))
    no_claim(said)
    assert "not proven to be higher than" in said.headline and "adjusted for 10 comparisons" in said.headline


def test_two_tied_groups_above_a_third(ask: Ask) -> None:
    said = ask(groups(NGF=HIGH, NT4=HIGH, MT=LOW))
    no_claim(said)
    assert said.leader in ("NGF", "NT4") and "nor than" not in said.headline
    assert f"not proven to be higher than {'NT4' if said.leader == 'NGF' else 'NGF'}" in said.headline


@pytest.mark.parametrize("known", [SHARP, None])
def test_all_or_nothing(ask: Ask, known: HeldOut | None) -> None:
    said = ask(groups(NGF=NEURONS, NT4=[0.5, 0.5, 0.0]), known, sharpness=8.0)
    no_claim(said)
    assert "it needs replicates that differ a little" in said.headline and " p " not in said.headline


def test_a_fate_that_is_absent(ask: Ask) -> None:
    said = ask(groups(NGF=[0.5, 0.5, 0.0], NT4=[0.6, 0.4, 0.0]))
    no_claim(said)
    assert "[0," in said.headline


def test_one_group_at_that_time(ask: Ask) -> None:
    said = ask({**groups(NGF=HIGH, NT4=LOW), **groups(72.0, NGF=HIGH)}, time_h=72.0)
    no_claim(said)
    assert "no other group to compare with" in said.headline


def test_counted_labels_say_so(ask: Ask) -> None:
    sure = Filters(min_confidence=0.9)
    said = ask(groups(NGF=HIGH, NT4=LOW), None, filters=sure)
    assert "Counted labels, not corrected for the model's mistakes." in said.headline
    assert "Only cells with a score of at least 90 % are counted" in said.headline
    corrected = ask(groups(NGF=HIGH, NT4=LOW), filters=sure)
    assert "90 %" not in corrected.headline and "Counted" not in corrected.headline


def test_what_filters_hide_is_said(ask: Ask) -> None:
    shares = groups(NGF=HIGH, NT4=LOW, MT=MIDDLE)
    some = ask(shares, filters=Filters(groups=("NT4", "MT"), replicates=("1", "2", "3")))
    assert some.leader == "MT" and "The filter hides 1 group of this run" in some.headline
    five = {**shares, **groups(RA=LOW, CNTF=LOW)}
    alone, two = (ask(five, filters=Filters(replicates=("1", "2")), variance=way) for way in ("own", "moderated"))
    assert "The filter hides 1 replicate of this run" in alone.headline and "p =" not in alone.headline
    # Two replicates each are enough where the spread is borrowed across five groups.
    assert "The filter hides 1 replicate of this run" in two.headline and "2 replicates; higher than MT" in two.headline
    nothing = ask(shares, filters=Filters(groups=("nobody",)))
    assert nothing.verdict == "none" and nothing.headline.startswith("No cell is left to count at day 1.")


def test_a_group_whose_cells_all_fail_the_gates_is_not_forgotten(ask: Ask) -> None:
    shares = {**groups(NGF=HIGH, replicates=1), **groups(NT4=LOW, MT=MIDDLE)}
    # Every 25th cell is flagged: with the confidence of a coin no cell of a single-cell sample passes.
    said = ask(shares, None, cells=counts(shares, 200, NGF=1), filters=Filters(min_confidence=0.9999), sharpness=3.0)
    assert "no cell is left after the gates and filters: NGF" in said.headline


def test_cells_without_group_or_replicate(ask: Ask) -> None:
    said = ask({**groups(NT4=LOW), **{("", 24.0, n): HIGH for n in (1, 2, 3)}})
    assert "Simulated cells. The group without a name: " in said.headline
    unnamed = {(name, 24.0, ""): share for name, share in (("NGF", HIGH), ("NT4", LOW))}
    said = ask(unnamed)  # type: ignore[arg-type]
    no_claim(said)
    assert "right only for cultures of their own" in said.headline


def test_twelve_groups_are_adjusted_for_all_pairs(ask: Ask) -> None:
    alone, said = (ask(grid(12, (24.0,), 3), cells=100, variance=way) for way in ("own", "moderated"))
    assert "adjusted for 66 comparisons" in alone.headline and "all 12 lie between" in alone.headline
    # The drawn shares go from 10 to 60 %: with a borrowed spread the lowest groups are told apart, the highest are not.
    assert "adjusted for 66 comparisons" in said.headline and "shown higher than FGF2 and EGF" in said.headline
    no_claim(alone)
    no_claim(said)


def test_a_time_at_which_the_model_was_not_measured(ask: Ask) -> None:
    for hours in (12.0, 36.0):
        said = ask(groups(hours, NGF=HIGH, NT4=LOW), time_h=hours)
        assert "was not measured at this time point" in said.headline
    assert "was not measured" not in ask(groups(NGF=HIGH, NT4=LOW)).headline


def test_doses_of_different_inducers_make_no_curve(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    doses = {"NGF": 50.0, "RA": 1.0, "NT3": 25.0, "MT": 100.0, "BDNF 10 ng/ml": 10.0, "BDNF 20 ng/ml": 20.0}
    monkeypatch.setattr(courses, "doses_of", lambda *_: (doses, "ng/ml", ""))
    table = pd.DataFrame(
        [(name, name, 24.0, str(n), "neuron", dose / 100) for name, dose in doses.items() for n in (1, 2)],
        columns=["sample_id", "group", "time_h", "replicate", "class", "ratio"],
    )
    found = courses.dose_response_of(None, "run", table)  # type: ignore[arg-type]
    assert set(found.points["series"]) == {"NGF", "RA", "NT3", "MT", "BDNF"} and found.sentence == ""
    single = table[~table["group"].str.startswith("BDNF")]
    found = courses.dose_response_of(None, "run", single)  # type: ignore[arg-type]
    assert found.curves["ec50"].isna().all() and "doses of different inducers make no curve" in found.sentence


def test_a_last_day_of_few_cells_is_not_what_the_page_opens_with(ask: Ask) -> None:
    shares = {**groups(NGF=HIGH, NT4=LOW), **groups(72.0, NGF=HIGH, NT4=LOW, replicates=1)}
    said = ask(shares, time_h=None, cells={key: 5 if key[1] == 72.0 else 200 for key in shares})
    assert "at day 1" in said.headline
    assert "day 3: no share that can be relied on" in " ".join(said.details)


def test_cells_without_a_time_are_adjusted_too(ask: Ask) -> None:
    never = float("nan")
    said = ask(groups(never, NGF=HIGH, NT4=HIGH, MT=LOW), time_h=never)
    assert "adjusted for 3 comparisons" in said.headline and " at day" not in said.headline


def test_two_samples_of_one_replicate_are_one_replicate_for_sets_too() -> None:
    table = pd.DataFrame(
        [("a", "1", 90, 9, "neuron"), ("b", "1", 10, 6, "neuron"), ("c", "2", 50, 10, "neuron")],
        columns=["sample_id", "replicate", "cells", "count", "set"],
    ).assign(group="NGF", time_h=24.0)
    row = honest_scores._by_group(table.assign(share=table["count"] / table["cells"])).iloc[0]
    assert (row["replicates"], row["cells"]) == (2, 150)
    assert row["share"] == pytest.approx((0.15 + 0.2) / 2)
