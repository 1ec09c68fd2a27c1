"""Does a model fit these cells? Warnings that are stored with a run and shown beside every number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nscweb.core.card import ModelCard
from nscweb.core.errors import ModelError
from nscweb.core.samples import Study

# A sample is called unlike the training data when this many times more cells than in training lie far out...
RATIO = 3.0
# ...and chance would give such a share in fewer than one of a thousand samples.
P_VALUE = 0.001
# "Far" is beyond this share of the known cells that the card describes.
PERCENTILE = 0.99
# Cells per sample that are looked at; enough to see 3 % against 1 %, cheap beside the prediction.
LOOKED_AT = 400


@dataclass(frozen=True)
class SampleFitness:
    """How far the cells of one sample lie from the training cells in the last features of the network.

    Attributes:
        sample_id: name of the sample, "" for loose images.
        cells: cells measured.
        far: cells farther out than the 99th percentile of held-out training cells.
        expected: share of such cells among held-out training cells.
        median: median distance divided by the median of held-out training cells; 1 is typical.
        unlike: True when the sample is unlike the training data.
        sentence: plain words with the numbers, "" when there is nothing to say.
    """

    sample_id: str
    cells: int
    far: int
    expected: float
    median: float
    unlike: bool
    sentence: str = ""

    @property
    def share(self) -> float:
        """Share of far cells, 0..1."""
        return self.far / self.cells if self.cells else 0.0

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "share": self.share}


def measure_fitness(
    card: ModelCard, embeddings: NDArray[np.floating[Any]], sample_id: str = ""
) -> SampleFitness | None:
    """Compare embeddings (N, F) of cells of one sample with the reference in the card.

    The share of cells beyond the 99th percentile of the known cells is tested against 1 % (binomial).

    Returns:
        None when the card keeps no reference or there are no cells.
    """
    from scipy.stats import binom

    from nscweb.inference.embeddings import feature_reference

    reference = feature_reference(card)
    if reference is None or not len(embeddings):
        return None
    distances = reference.distance(np.asarray(embeddings, np.float32))
    expected = 1.0 - PERCENTILE
    cells, far = len(distances), int((distances > reference.quantiles[PERCENTILE]).sum())
    median = float(np.median(distances)) / reference.quantiles[0.5]
    unlike = far > RATIO * expected * cells and float(binom.sf(far - 1, cells, expected)) < P_VALUE
    fitness = SampleFitness(sample_id, cells, far, expected, median, unlike)
    return replace(fitness, sentence=_sentence(fitness)) if unlike else fitness


def _sentence(fitness: SampleFitness) -> str:
    what = f'The sample "{fitness.sample_id}"' if fitness.sample_id else "This set of images"
    return (
        f"{what} is unlike the training data: {fitness.far} of {fitness.cells} cells looked at "
        f"({100 * fitness.share:.0f} %) lie farther from the training cells than 99 % of known cells do "
        f"(1 % expected). Do not trust its predictions without a check."
    )


def fitness_warnings(measured: Sequence[SampleFitness]) -> list[str]:
    """One sentence for all unlike samples: named when they are few, counted when they are many."""
    unlike = [item for item in measured if item.unlike]
    if not unlike:
        return []
    if len(unlike) == 1:
        return [unlike[0].sentence]
    cells, far = sum(item.cells for item in unlike), sum(item.far for item in unlike)
    names = ", ".join(item.sample_id for item in unlike[:3]) + (", …" if len(unlike) > 3 else "")
    return [
        f"{len(unlike)} of {len(measured)} samples are unlike the training data ({names}): {far} of {cells} "
        f"cells looked at ({100 * far / cells:.0f} %) lie farther from the training cells than 99 % of known "
        f"cells do (1 % expected). Do not trust their predictions without a check."
    ]


def study_fitness(card: ModelCard, parts: Sequence[NDArray[np.floating[Any]]]) -> SampleFitness | None:
    """All samples together; finds what samples of a few cells each cannot show alone."""
    kept = [part for part in parts if len(part)]
    return measure_fitness(card, np.concatenate(kept)) if kept else None


def model_warnings(card: ModelCard) -> list[str]:
    """What the card makes us say about every result."""
    if not card.origin.simulated:
        return []
    return [
        f"The model {card.name} was trained on simulated cells only; its predictions of real cells have no "
        "known accuracy."
    ]


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


def spread_rows(cells: int, wanted: int = LOOKED_AT) -> NDArray[np.int64]:
    """Up to `wanted` rows spread evenly over a sample; always the same ones."""
    return (
        np.unique(np.linspace(0, cells - 1, min(cells, wanted)).round().astype(np.int64))
        if cells
        else (np.zeros(0, np.int64))
    )
