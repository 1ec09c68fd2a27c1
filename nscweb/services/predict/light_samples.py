"""One sample of a prediction against the samples that a model knows: measured, judged, put into words."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nscweb.core.card import ModelCard
from nscweb.core.errors import StoreError
from nscweb.core.plain import from_plain
from nscweb.core.rules import FAR_OUT, FEWEST_CELLS
from nscweb.core.run_record import Run
from nscweb.services.predict.fitness import SampleFitness, fitness_warnings, measure_fitness, with_sentence
from nscweb.services.predict.light_rules import judge
from nscweb.services.predict.light_words import FAR_SHARE, FEW_CELLS_START
from nscweb.services.predict.lights import GREEN, LIGHTS, RED, YELLOW, judged_by_cells, setting_sentence

_TOGETHER = (
    "This sample alone has too few cells to tell, but all samples of this prediction together are unlike the training "
    "data."
)


def judge_sample(
    card: ModelCard,
    sample_id: str,
    images: Sequence[NDArray[Any]],
    values: Mapping[str, NDArray[np.float32]],
    probabilities: NDArray[np.float32],
    temperature: float = 1.0,
) -> SampleFitness | None:
    """The traffic light of one sample.

    Args:
        images: (C, h, w) cells that are looked at, as stored.
        values: of these cells, from `inference.familiarity.values_of`.
        probabilities: (n, K) of these cells.
        temperature: that these were made with.

    Returns:
        None when the card says nothing of its known cells, or there are no cells.
    """
    from nscweb.inference.change_figures import amounts_of
    from nscweb.inference.familiarity import distances_from
    from nscweb.inference.sample_figures import (
        confidences,
        known_samples,
        pattern_chances,
        stored_figures,
        summaries,
        temperature_of_samples,
    )

    distances = distances_from(card, values)
    amounts, rest = amounts_of(card, images, values)
    measured = measure_fitness(distances, sample_id)
    if measured is None and amounts:
        # Too few known cells to say how far out one lies; what could be tested is said all the same.
        measured = SampleFitness(sample_id, len(images), 0, "input", FAR_OUT, False)
    if measured is None:
        return None
    known = known_samples(card)
    figures: dict[str, NDArray[Any]] = dict(distances)
    if known:
        figures |= stored_figures(images)
        figures["confidence"] = confidences(probabilities, temperature, temperature_of_samples(card))
    shares = {kind: float(np.mean(values > 1.0)) for kind, values in distances.items() if len(values)}
    found = judge(
        card,
        known,
        summaries(figures),
        shares,
        pattern_chances(card, values),
        measured.kind if measured.unlike else "",
        measured.cells,
        amounts,
        rest,
    )
    judged = replace(
        measured,
        light=found.light,
        reasons=found.reasons,
        notes=found.notes,
        advice=found.advice,
        figures=found.figures,
        shares={kind: round(share, 5) for kind, share in shares.items()},
    )
    if measured.unlike:
        # The sentence says what the light says, and the light is known only now.
        return with_sentence(judged)
    # A red light for a change is no matter of cells that lie far out; its own reason says what it is.
    if found.light != RED or max(shares.values(), default=0.0) < FAR_SHARE:
        return judged
    # The kind of distance that made it red is the one to speak of.
    worst = max(shares, key=lambda kind: shares[kind])
    return with_sentence(replace(judged, kind=worst, far=round(shares[worst] * judged.cells), expected=FAR_OUT))


def together(measured: Sequence[SampleFitness], unlike: bool) -> list[SampleFitness]:
    """The samples of a prediction; where all of them together are unlike, none of them stays green."""
    if not unlike:
        return list(measured)
    return [
        replace(item, light=YELLOW, reasons=(*item.reasons, _TOGETHER))
        if item.light == GREEN or only_few_cells(item)
        else item
        for item in measured
    ]


def only_few_cells(item: SampleFitness) -> bool:
    """Whether nothing speaks against a sample but that it has too few cells to judge."""
    return len(item.reasons) == 1 and item.reasons[0].startswith(FEW_CELLS_START)


def light_sentences(measured: Sequence[SampleFitness]) -> list[str]:
    """Sentences for samples that are not green without being called unlike (those have their own), and tiny ones."""
    few = [item for item in measured if only_few_cells(item)]
    said = []
    for light in (RED, YELLOW):
        of_light = [item for item in measured if item.light == light and not item.unlike and not only_few_cells(item)]
        said += _sentences_of(light, of_light, len(measured))
    if few:
        named = ", ".join(f"{item.sample_id}: {item.cells}" for item in few[:3])
        more = ", …" if len(few) > 3 else ""
        said.append(
            f"{len(few)} of {len(measured)} {'sample has' if len(measured) == 1 else 'samples have'} too few cells "
            f"to judge whether the model fits (fewer than {FEWEST_CELLS}; {named}{more}). Record more cells, or do not "
            "rely on their ratios."
        )
    return said


def run_warnings(run: Run, names: Collection[str] | None = None) -> list[str]:
    """The sentences of a run; with `names` those about samples speak of these samples alone.

    The run keeps its sentences as text. Those about samples are made again from its judgements and taken out of the
    text, so a run whose sentences were made another way keeps them all.
    """
    said = [*run.provenance.warnings, *(text for text in [setting_sentence(run)] if text)]
    rows = [
        from_plain(SampleFitness, item, f"A trust light of the run {run.run_id}", StoreError)
        for item in judged_by_cells(run)
    ]
    if names is None or all(item.sample_id in names for item in rows):
        return said
    shown = [item for item in rows if item.sample_id in names]
    every = {*fitness_warnings(rows), *light_sentences(rows)}
    return [text for text in said if text not in every] + fitness_warnings(shown) + light_sentences(shown)


def _sentences_of(light: str, yellow: Sequence[SampleFitness], samples: int) -> list[str]:
    if not yellow:
        return []
    names = ", ".join(item.sample_id for item in yellow[:3]) + (", …" if len(yellow) > 3 else "")
    if len(yellow) == 1:
        return [
            f'The sample "{yellow[0].sample_id}" has a {light} trust light: {yellow[0].reasons[0]}'
            if yellow[0].reasons
            else ""
        ]
    return [
        f"{len(yellow)} of {samples} samples have a {light} trust light ({names}): they differ from the samples that "
        "the model knows. The reasons are given with each of them."
    ]


def counted(measured: Sequence[SampleFitness]) -> dict[str, int]:
    """Light -> samples."""
    return {light: sum(item.light == light for item in measured) for light in LIGHTS}
