"""What a trust light says of the changes that a card calls harmful: seen, not seen, or not tested."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from nscweb.core.card import ModelCard
from nscweb.core.rules import FAR, FEWEST_CELLS, FEWEST_KNOWN, HARMFUL
from nscweb.evaluation.audit.change_tests import Amount, Unexplained, cost_of
from nscweb.inference.familiarity import CHANGES_KEY
from nscweb.services.predict.lights import RED, YELLOW

# Kind of change in the robustness table -> what of the images shows it.
SHOWN_BY: dict[str, str] = {
    "scale": "size",
    "blur": "focus",
    "defocus": "focus",
    "noise": "noise",
    "gradient": "slope of the light",
    "light": "brightness",
    "contrast": "contrast",
    "rotation": "orientation",
    "depth": "bit depth",
    "jpeg": "compression",
    "instrument": "instrument",
}
# What a little of a change costs grows with the square of its amount: a network that was trained on unchanged cells is
# at its best there (the shipped ones lose 1 to 5 points by a blur of 1 px and 34 to 37 by one of 2 px). One that is
# certain but costs less than a quarter of what counts as harmful, by that rule, is none; half of a harmful one counts.
_LEAST_COST = HARMFUL / 4
_SHADOW = 0.8
# Names of the grounds of a light, which `light_words` has advice for.
UNTESTED = "untested"
REST = "rest"
_REST = "The images differ from the training images in a way that no ratio of the classes explains."
# Added to what speaks against a sample where whole known samples were too few to compare with.
FEW_SAMPLES = (
    "How much good samples differ is not known, because this model learnt from too few (four recordings of each class "
    "would tell)."
)
# The numbers of a judgement that are amounts of changes begin with it.
CHANGE_START = "as by "


@dataclass(frozen=True)
class Ground:
    """Light that something asks for, the name of it, and the sentence."""

    light: str
    name: str
    sentence: str


def change_grounds(
    card: ModelCard, amounts: Sequence[Amount], cells: int, rest: Unexplained | None = None
) -> list[Ground]:
    """What speaks against a sample: changes that it shows, and harmful ones that could not be tested.

    Args:
        amounts: of this sample, from `change_figures.amounts_of`.
        rest: what no mixture of known cells explains.
        cells: that were looked at. So few that no light is green are not tested, and not told so.
    """
    if cells < FEWEST_CELLS:
        return []
    seen = _by_feature([item for item in amounts if matters(item)])
    likest = max(amounts, key=lambda item: item.deviations, default=None)
    found = [_seen_ground(item, likest) for item in seen]
    if rest is not None and rest.seen and not found:
        found.append(Ground(YELLOW, REST, _REST))
    if rest is not None:
        found = [replace(ground, sentence=f"{ground.sentence} {FEW_SAMPLES}") for ground in found]
    names = {ground.name for ground in found}
    open_ = [item for item in amounts if item.harm.counts and SHOWN_BY[item.harm.kind] not in names]
    missing = untested_words(card, open_, cells)
    return [*found, *(Ground(YELLOW, UNTESTED, text) for text in missing)]


def matters(amount: Amount) -> bool:
    """Whether a sample shows so much of a change that it may cost what counts."""
    return amount.seen and amount.harm.counts and amount.value**2 * amount.harm.cost >= _LEAST_COST


def untested_words(card: ModelCard, amounts: Sequence[Amount], cells: int) -> list[str]:
    """Sentences about what no test could be made of; none where all were made."""
    if not card.robustness:
        return [
            "Nothing was tested: it was never measured which changes of the images harm this model (nscweb models "
            f"audit {card.name} measures it)."
        ]
    if CHANGES_KEY not in card.calibration:
        costly = {str(row["kind"]) for row in card.robustness if cost_of(row) > HARMFUL}
        names = _listed(SHOWN_BY.get(kind, kind) for kind in costly)
        return (
            [
                f"{names.capitalize()} {_were(names)} not tested: the card of this model keeps no known cells "
                f"to compare with (nscweb models audit {card.name} --lights-only adds them where the training cells "
                "are at hand)."
            ]
            if names
            else []
        )
    blind = [item for item in amounts if not item.tested and not item.seen]
    names = _listed(SHOWN_BY[item.harm.kind] for item in blind)
    if not names:
        return []
    least = min(blind, key=lambda item: item.harm.cost).harm
    return [
        f"{names.capitalize()} {_were(names)} not tested: in {cells} cells, {least.change}, {least.strength}, which "
        f"costs this model {100 * least.cost:.0f} points of accuracy, would not stand out from how known samples "
        "differ."
    ]


def few_known_words(card: ModelCard) -> str:
    """Why no sample of a model is green that was measured on too few cells of a class; "" where it was on enough.

    From so few the correction of a ratio, and its interval, are drawn again and again out of the same cells: of 60
    samples that fitted, 8 had a ratio off by more than 15 points and outside its interval, where a model had 20
    held-out cells per class (measured by benchmarks/shift_ratios.py).
    """
    counts = {name: sum(row) for name, row in zip(card.classes.names, card.performance.confusion, strict=False)}
    least = min(counts, key=lambda name: counts[name], default="")
    if not least or counts[least] >= FEWEST_KNOWN:
        return ""
    return (
        f"This model was measured on {counts[least]} cells of {least} that it was not trained on; {FEWEST_KNOWN} of "
        "each class are needed before the interval of a corrected ratio can be relied on."
    )


def change_names_of(card: ModelCard) -> list[str]:
    """The changes that samples are tested for, in words."""
    from nscweb.inference.change_figures import change_tests_of

    kept = change_tests_of(card)
    tests = () if kept is None else kept.tests
    return [f"{test.harm.change}, {test.harm.strength}" for test in tests if test.harm.counts]


def sentence_of_tests(name: str, changes: Sequence[str]) -> str:
    """What a command says after a card was given its tests."""
    if not changes:
        return f"{name}: no test was made; no change of the table costs enough, or too few known cells are at hand."
    return f"{name}: every sample is tested for {len(changes)} changes now: {'; '.join(changes)}."


def change_numbers(amounts: Sequence[Amount]) -> dict[str, dict[str, float | int]]:
    """Numbers of a judgement: "as by CHANGE, STRENGTH" -> amount, limit, deviations and the chance of as much."""
    from scipy.stats import norm

    return {
        f"{CHANGE_START}{item.harm.change}, {item.harm.strength}": {
            "value": float(f"{item.value:.5g}"),
            "typical": 0.0,
            "high": float(f"{item.limit:.5g}"),
            "t": float(f"{item.deviations:.5g}"),
            "p": float(f"{norm.sf(item.deviations):.5g}"),
        }
        for item in amounts
    }


def _by_feature(seen: Sequence[Amount]) -> list[Amount]:
    """Of each feature the change that stands out most, that of all first.

    Changes resemble one another. What stands out clearly less than the first is likely its shadow.
    """
    best: dict[str, Amount] = {}
    for item in seen:
        name = SHOWN_BY[item.harm.kind]
        if name not in best or item.deviations > best[name].deviations:
            best[name] = item
    found = sorted(best.values(), key=lambda item: -item.deviations)
    return [item for item in found if item.deviations >= _SHADOW * found[0].deviations]


def _seen_ground(item: Amount, likest: Amount | None) -> Ground:
    """Red only where the change that stands out most of all is there in full and costs far too much."""
    harm = item.harm
    red = item == likest and item.value >= 1.0 and harm.cost >= FAR
    name = SHOWN_BY[harm.kind]
    sentence = (
        f"Other {name}: the images look as if changed by {item.value:.2g} times what {harm.change}, {harm.strength}, "
        f"does, which costs this model {100 * harm.cost:.0f} points of accuracy; known samples stay below "
        f"{max(item.limit, 0.0):.2g}."
    )
    if likest is not None and not likest.harm.counts:
        sentence += f" They look even more like {likest.harm.change}, {likest.harm.strength}, which costs little."
    return Ground(RED if red else YELLOW, name, sentence)


def _listed(names: Iterable[str]) -> str:
    there = sorted(set(names))
    return there[0] if len(there) == 1 else f"{', '.join(there[:-1])} and {there[-1]}" if there else ""


def _were(names: str) -> str:
    return "were" if " and " in names else "was"
