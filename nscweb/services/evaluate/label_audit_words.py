"""What a label audit says beside its numbers: how it was made, what it can tell and what it cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.core.run_record import Run
from nscweb.services.evaluate.counts_and_curves import trained_on

if TYPE_CHECKING:
    from nscweb.services.context import App

# An audit by a fit that gets less than this share of the way from guessing to perfect says nothing.
WEAK = 0.5
# Where the labels are those of whole samples, this is what an audit can and cannot tell.
MEDIUM = (
    "The labels of this study are those of whole samples, for example of the medium. The audit can find single cells "
    "that look like another class than their neighbours under the same label. It cannot tell why: the medium did not "
    "work on this cell, a cell came from elsewhere, or the model errs. And it is blind to what all samples of a label "
    "have in common: where a third of the cells in every neuron medium never become neurons, these are what the "
    "fit learns as neurons too. So the share of wrong labels is an estimate of visible contradictions, not of purity."
)
POPULATION = (
    "The labels of this study are given cell by cell. The audit can find cells that look like another class than "
    "others with their label; it cannot tell whether the label or the model is wrong. Look at each before deciding."
)


def agreement_of(scores: NDArray[np.float64], labels: NDArray[np.int64]) -> tuple[float, str]:
    """Share of held-out cells that are named as labelled (mean over labels), and what that means for the audit."""
    present = np.unique(labels)
    right = scores.argmax(axis=1) == labels
    share = float(np.mean([right[labels == label].mean() for label in present]))
    guessing = 1 / len(present)
    text = f"On held-out cells the fit names {100 * share:.0f} % as labelled (guessing: {100 * guessing:.0f} %)."
    if share - guessing < WEAK * (1 - guessing):
        return share, (
            f"{text} That is too little for an audit: most contradictions are errors of the fit, not wrong labels, and "
            "the estimated shares say nothing. Try another model, or later time points."
        )
    return share, f"{text} Where it errs it contradicts right labels too, so look at each cell."


def audit_sentences(
    app: App, run: Run, table: pd.DataFrame, folds: int, by: str, whole: int, features: int
) -> list[str]:
    """How the scores were made, then what the audit can and cannot tell."""
    together = (
        "all cells of a sample are in one fold, so that no fit saw the sample it judges"
        if by == "sample"
        else "a class has one sample only, so that cells of the same sample are in several folds"
    )
    sentences = [
        f"Scores of held-out cells: a logistic regression on the {features} features that {run.model} computes from "
        f"each image, {folds} folds; {together}."
    ]
    if len(table) < whole:
        sentences[0] += f" {len(table):,} of {whole:,} cells were judged, drawn evenly from the samples."
    pure = bool(table.groupby("sample_id")["true_class"].nunique().max() <= 1)
    sentences.append(MEDIUM if pure else POPULATION)
    if by == "cell":
        sentences.append(
            "A class has one sample only. What that sample has in common (light, focus, day) helps to name the label, "
            "so that wrong labels are missed. Add a second sample of each class."
        )
    seen = trained_on(app, run, table)
    if seen is not None and seen.trained:
        sentences.append(
            f"{seen.trained:,} of these cells trained the model, with these very labels; its features may hide wrong "
            "labels. A model that was trained on other cells finds more."
        )
    return sentences
