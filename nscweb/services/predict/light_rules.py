"""The rules of the traffic light of a sample, all of them, with the reasons for every limit.

- What the network sees (``embedding``) and what it is given (``input``) decide red.
- What the camera stored, and how sure the network is, can make yellow.
- A change of the recording that the card calls harmful makes yellow where a sample shows it, red where it shows as much
  of it as costs far more; one that could not be tested makes yellow.
- What the network was shown not to look at (the shortcut audit and the robustness table of its card) is told and
  changes no light.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nscweb.core.card import ModelCard
from nscweb.core.rules import FEWEST_CELLS, FEWEST_HELD_OUT_SAMPLES
from nscweb.evaluation.audit.change_tests import Amount, Unexplained
from nscweb.evaluation.audit.shift import Known, Shift, Summary
from nscweb.inference.sample_figures import STORED
from nscweb.services.predict.light_changes import change_grounds, change_numbers, few_known_words
from nscweb.services.predict.light_words import advice_for, decided_words, few_cells_words, shift_words
from nscweb.services.predict.lights import GREEN, LIGHTS, RED, YELLOW

# A new version makes predictions whose scores are taken over from an older run judge their samples again.
RULES_VERSION = 4
# Chance that a further sample of known cells lies as far out (two-sided). Yellow: with three numbers that decide, about
# three of a thousand good samples; the numbers hang together, so fewer in truth.
YELLOW_P = 0.002
# Red: beyond any doubt that chance could leave, and...
RED_P = 1e-5
# ...a good part of the cells is far out as well (5 % of known cells are), so that a small but certain shift of a large
# sample stays yellow. What the network is given may differ without harm to its answer, so nearly all cells must be far
# out in that; all sets of foreign cells that are at hand are so with all of theirs.
RED_SHARE = {"embedding": 0.25, "input": 0.75}
# The numbers of the camera are many and their tails are heavy (a lamp is changed, not drawn from a normal
# distribution), so more is asked of them...
STORED_P = 2e-4
# ...and that the shift is visible: half a standard deviation of single cells (Cohen's medium effect).
STORED_EFFECT = 0.5
# The network does not look at something when its recipe evens that out, when swapping it costs no more than this much
# accuracy (upper end of the 95 % interval in the audit)...
INDIFFERENT_SWAP = 0.03
# ...and no strength of it that was tried costs more than this.
INDIFFERENT_COST = 0.02
# Cells far out by the rule for single cells, where the card knows nothing of whole samples.
RED_SHARE_ALONE = 0.5

_HARMLESS = "; this model evens it out, and tests showed that it does not matter to it."
# Number -> kinds of change in the audit (`swaps`) and in the robustness table that speak of it.
_SPOKEN_OF: dict[str, tuple[str, tuple[str, ...]]] = {
    "background": ("background", ("light",)),
    "contrast": ("contrast", ("contrast", "light")),
    "slope": ("gradient", ("gradient",)),
    # A deeper camera stores larger numbers: level and contrast at once.
    "depth": ("light", ("light", "contrast")),
}


@dataclass(frozen=True)
class Judgement:
    """The light of one sample.

    Attributes:
        light: ``green``, ``yellow`` or ``red``.
        reasons: sentences, the gravest first; empty for green.
        notes: what differs and changes nothing, and what could not be asked.
        advice: what to do; empty for green.
        figures: number -> `Shift.as_dict`.
    """

    light: str
    reasons: tuple[str, ...]
    notes: tuple[str, ...]
    advice: tuple[str, ...]
    figures: dict[str, dict[str, float | int]]


def judge(
    card: ModelCard,
    known: Mapping[str, Known],
    found: Mapping[str, Summary],
    shares: Mapping[str, float],
    chances: Mapping[str, float] | None = None,
    unlike: str = "",
    cells: int = FEWEST_CELLS,
    amounts: Sequence[Amount] = (),
    rest: Unexplained | None = None,
) -> Judgement:
    """The light of one sample.

    Args:
        known: numbers of known samples; empty for cards without them.
        found: numbers of this sample.
        shares: kind (``embedding``, ``input``) -> share of cells farther out than 95 % of known cells.
        chances: kind -> chance that a known sample differs as much in the pattern of many numbers.
        unlike: kind in which the rule for single cells (`predict.fitness`) finds the sample unlike, "" for none.
        cells: that were looked at.
        amounts: of changes that harm the model. rest: what no mixture of known cells explains.
    """
    shifts = {name: known[name].shift(found[name]) for name in found if name in known and found[name].cells}
    grounds: list[tuple[str, str, str]] = []  # light, number, sentence
    notes: list[str] = []
    for name in ("embedding", "input"):
        share = shares.get(name, 0.0)
        light, chance = _decided(name, shifts.get(name), (chances or {}).get(name, 1.0), share)
        if light != GREEN:
            grounds.append((light, name, decided_words(name, share, chance)))
    if unlike and all(name != unlike for _, name, _ in grounds):
        alone = unlike not in shifts or shifts[unlike].samples < FEWEST_HELD_OUT_SAMPLES
        red = alone and shares.get(unlike, 0.0) >= RED_SHARE_ALONE
        grounds.append((RED if red else YELLOW, unlike, decided_words(unlike, shares.get(unlike, 0.0))))
    sure = shifts.get("confidence")
    if sure is not None and sure.t < 0 and sure.p < YELLOW_P:
        grounds.append((YELLOW, "confidence", shift_words("confidence", sure)))
    for name in STORED:
        shift = shifts.get(name)
        if shift is None or shift.p >= STORED_P or abs(shift.effect) < STORED_EFFECT:
            continue
        if indifferent(card, name):
            notes.append(shift_words(name, shift)[:-1] + _HARMLESS)
        else:
            grounds.append((YELLOW, name, shift_words(name, shift)))
    grounds += [(item.light, item.name, item.sentence) for item in change_grounds(card, amounts, cells, rest)]
    few = few_known_words(card)
    if few:
        grounds.append((YELLOW, "known", few))
    if cells < FEWEST_CELLS:
        grounds.append((YELLOW, "cells", few_cells_words(cells)))
    grounds.sort(key=lambda ground: -LIGHTS.index(ground[0]))
    light = grounds[0][0] if grounds else GREEN
    return Judgement(
        light,
        tuple(sentence for _, _, sentence in grounds),
        (*notes, *_not_asked(shifts)),
        advice_for(light, [name for _, name, _ in grounds]),
        {
            **{name: shift.as_dict() for name, shift in shifts.items()},
            **{f"{name}_pattern": {"p": float(f"{chance:.5g}")} for name, chance in (chances or {}).items()},
            **change_numbers([item for item in amounts if item.harm.counts]),
        },
    )


def indifferent(card: ModelCard, name: str) -> bool:
    """Whether the card shows that the network does not look at a number of `STORED`."""
    recipe = card.recipe
    removed = recipe.background != "none" if name in ("background", "slope") else recipe.contrast != "none"
    if name not in _SPOKEN_OF or not removed:
        return False
    swap, kinds = _SPOKEN_OF[name]
    swaps = [row for row in card.audit.get("swaps", ()) if row.get("kind") == swap]
    tried = [row for row in card.robustness if row.get("kind") in kinds]
    return (
        bool(swaps and tried)
        and all(float(row["cost_high"]) <= INDIFFERENT_SWAP for row in swaps)
        and all(float(row["cost"]) <= INDIFFERENT_COST for row in tried)
    )


def _decided(name: str, shift: Shift | None, chance: float, share: float) -> tuple[str, float]:
    """Light and chance by one kind of distance: how far out its cells are, and the pattern in which they differ."""
    # Closer to the middle than known samples is no fault.
    far = shift.p if shift is not None and shift.t > 0 else 1.0
    least = min(far, chance)
    if least >= YELLOW_P:
        return GREEN, least
    return RED if least < RED_P and share >= RED_SHARE[name] else YELLOW, least


def _not_asked(shifts: Mapping[str, Shift]) -> list[str]:
    if not shifts:
        return [
            "The card of this model does not say how whole samples of known cells differ, so only single cells were "
            "compared. A model that is asked again (Models page, or nscweb models audit) can say more."
        ]
    few = [shift.samples for name, shift in shifts.items() if name in ("embedding", "input", "confidence")]
    if few and min(few) < FEWEST_HELD_OUT_SAMPLES:
        return [
            f"Only {min(few)} samples were held out when this model was trained; "
            f"{FEWEST_HELD_OUT_SAMPLES} are needed to know how much good samples differ. Single cells were compared "
            "as well."
        ]
    return []


def card_of_rules(card: ModelCard) -> dict[str, Any]:
    """What a judgement rests on beside the cells: kept with a run, so that a later one judges anew where it changed."""
    text = json.dumps([card.calibration, card.audit.get("swaps"), card.robustness], sort_keys=True, default=str)
    return {"version": RULES_VERSION, "card": hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]}
