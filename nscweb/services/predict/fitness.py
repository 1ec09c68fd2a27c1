"""Does a model fit these cells? Warnings that are stored with a run and shown beside every number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nscweb.core.card import ModelCard
from nscweb.core.errors import ModelError
from nscweb.core.plain import to_plain
from nscweb.core.rules import FAR_OUT
from nscweb.core.samples import Study
from nscweb.preprocess.prepare import pixel_factor
from nscweb.services.predict.light_words import LIE_FAR_OUT
from nscweb.services.predict.lights import GREEN, LIGHTS, RED, YELLOW, lights_of

__all__ = ["GREEN", "LIGHTS", "RED", "YELLOW", "lights_of"]

# A sample is called unlike the training data when this many times more cells than usual lie far out. Samples
# of one kind of cell differ among themselves, most in the features, where a sample of one fate sits at one end.
# With these numbers 4 of 321 simulated samples that the shipped weights had not seen get the warning, and all
# real sets that are at hand (twelve cells of Zhu et al. 2021, an IDEAS export, Jurkat cells)...
RATIOS = {"input": 4.0, "embedding": 10.0}
# ...and chance would give such a share in fewer than one of a thousand samples.
P_VALUE = 0.001
# Cells per sample that are looked at; enough to see a difference, cheap beside the prediction.
LOOKED_AT = 400
# The red trust light alone forbids; everything else asks for a look, as the words of the lights do (words.marks).
_END = {
    True: "Do not trust {} predictions (red trust light).",
    False: "Look closer before you rely on {} predictions: compare them with a count of your own.",
}
_WORDS = {"embedding": "in what the network sees", "input": "in brightness, texture or size"}

Distances = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class SampleFitness:
    """How far the cells of one sample lie from the training cells.

    Attributes:
        sample_id: name of the sample, "" for several samples together or loose images.
        cells: cells looked at.
        far: cells farther out than 95 % of the known cells, in the kind of distance that shows most.
        kind: ``embedding`` (features of the network) or ``input`` (plain statistics of the image).
        expected: share of such cells among known cells.
        unlike: True when the sample is unlike the training data.
        sentence: plain words with the numbers, "" when there is nothing to say.
        light: ``green``, ``yellow`` or ``red`` by `services.predict.light_rules`, "" when not judged as a sample.
        reasons, notes, advice: sentences of that judgement.
        figures: its numbers, see `evaluation.audit.shift.Shift`.
        shares: share of far cells in each kind of distance.
    """

    sample_id: str
    cells: int
    far: int
    kind: str
    expected: float
    unlike: bool
    sentence: str = ""
    light: str = ""
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()
    figures: dict[str, dict[str, float | int]] = field(default_factory=dict)
    shares: dict[str, float] = field(default_factory=dict)

    @property
    def share(self) -> float:
        """Share of far cells, 0..1."""
        return self.far / self.cells if self.cells else 0.0

    def as_dict(self) -> dict[str, Any]:
        return {**to_plain(self), "share": self.share}


def measure_fitness(distances: Distances, sample_id: str = "") -> SampleFitness | None:
    """Judge relative distances (see `inference.familiarity.relative_distances`) of the cells of one sample.

    The share of far cells is tested against that of known cells (one-sided binomial test) for each kind.

    Returns:
        None when nothing was measured, e.g. because the card does not describe its known cells.
    """
    from scipy.stats import binom

    best: SampleFitness | None = None
    for kind, values in distances.items():
        cells, far = len(values), int(np.count_nonzero(values > 1.0))
        if not cells:
            continue
        rare = float(binom.sf(far - 1, cells, FAR_OUT)) < P_VALUE
        unlike = bool(far > RATIOS[kind] * FAR_OUT * cells and rare)
        found = SampleFitness(sample_id, cells, far, kind, FAR_OUT, unlike)
        if best is None or (found.unlike, found.share) > (best.unlike, best.share):
            best = found
    return with_sentence(best) if best is not None and best.unlike else best


def with_sentence(found: SampleFitness) -> SampleFitness:
    """The judgement called unlike, with the sentence for it."""
    return replace(found, unlike=True, sentence=_sentence(found))


def _sentence(fitness: SampleFitness) -> str:
    what = f'The sample "{fitness.sample_id}"' if fitness.sample_id else "This set of images"
    return (
        f"{what} is unlike the training data {_WORDS[fitness.kind]}: {fitness.far} of {fitness.cells} cells "
        f"looked at ({100 * fitness.share:.0f} %) {LIE_FAR_OUT}. " + _END[fitness.light == RED].format("its")
    )


def fitness_warnings(measured: Sequence[SampleFitness]) -> list[str]:
    """A sentence for unlike samples with a red trust light, and one for others: named when few, counted when many."""
    unlike = [item for item in measured if item.unlike]
    parts = [[item for item in unlike if (item.light == RED) is red] for red in (True, False)]
    return [_sentence_of_many(part, len(measured)) for part in parts if part]


def _sentence_of_many(unlike: Sequence[SampleFitness], samples: int) -> str:
    if len(unlike) == 1:
        return unlike[0].sentence
    cells, far = sum(item.cells for item in unlike), sum(item.far for item in unlike)
    names = ", ".join(item.sample_id for item in unlike[:3]) + (", …" if len(unlike) > 3 else "")
    return (
        f"{len(unlike)} of {samples} samples are unlike the training data ({names}): {far} of {cells} "
        f"cells looked at ({100 * far / cells:.0f} %) {LIE_FAR_OUT}. "
        f"{_END[unlike[0].light == RED].format('their')}"
    )


def study_fitness(parts: Sequence[Distances]) -> SampleFitness | None:
    """All samples together; finds what samples of a few cells each cannot show alone."""
    kinds = {kind for part in parts for kind in part}
    joined = {kind: np.concatenate([part[kind] for part in parts if kind in part]) for kind in sorted(kinds)}
    return measure_fitness(joined)


def model_warnings(card: ModelCard) -> list[str]:
    """What the card makes us say about every result."""
    sentences = [f"The model {card.name} is marked: {card.mark}."] if card.mark else []
    if card.origin.simulated:
        sentences.append(
            f"The model {card.name} was trained on simulated cells only; its predictions of real cells have no "
            "known accuracy."
        )
    return sentences


def study_warnings(study: Study, card: ModelCard) -> list[str]:
    """What the study makes us say about every result of this model."""
    sentences = []
    if study.simulated:
        sentences.append("The cells of this study are simulated; they say nothing about real cultures.")
    if study.pixel_size_um is None and card.recipe.field_px is not None:
        height, width = card.recipe.field_px
        sentences.append(
            f"The pixel size of this study is not known; the model looks at {height} x {width} pixels and "
            "takes for granted that a cell is as many pixels wide as in its training data."
        )
    if pixel_factor(card.recipe, study.pixel_size_um) != 1.0:
        sentences.append(
            f"The images were brought from {study.pixel_size_um:g} to {card.recipe.pixel_size_um:g} µm per pixel, the "
            f"pixel size of the training images of {card.name}."
        )
    return sentences


def check_channels(study: Study, card: ModelCard) -> tuple[str, ...]:
    """Channels to read for a model, in its order; ``brightfield`` is the channel that the user chose.

    Raises:
        ModelError: the study has not kept a channel that the model needs.
    """
    channels = tuple(study.channel if name == "brightfield" else name for name in card.recipe.channels)
    missing = [name for name in channels if name not in study.channels]
    if missing:
        raise ModelError(
            f"The model {card.name} needs the channel {', '.join(missing)}, which the study {study.name} "
            f"does not have (it has {', '.join(study.channels)}).",
            "Import the study again with this channel, or choose another model.",
            "E-MODEL-CHANNEL",
        )
    return channels


def spread_rows(flags: NDArray[np.int64], wanted: int = LOOKED_AT) -> NDArray[np.int64]:
    """Up to `wanted` rows spread evenly over the clean cells of a sample (over all when none is clean).

    Doublets and debris are unlike single cells in any study; the flags already speak of them.
    """
    rows = np.flatnonzero(flags == 0)
    rows = rows if len(rows) else np.arange(len(flags))
    if not len(rows):
        return rows
    places = np.linspace(0, len(rows) - 1, min(len(rows), wanted)).round().astype(np.int64)
    return rows[np.unique(places)]
