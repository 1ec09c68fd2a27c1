"""The works that a methods text may name, numbered in the order in which it names them."""

from __future__ import annotations

from collections.abc import Iterable

REFERENCES: dict[str, str] = {
    "pacc": "Bella A, Ferri C, Hernández-Orallo J, Ramírez-Quintana MJ (2010) Quantification via probability "
    "estimators. IEEE International Conference on Data Mining, 737-742.",
    "acc": "Forman G (2008) Quantifying counts and costs via classification. Data Min Knowl Discov 17:164-206.",
    "em": "Saerens M, Latinne P, Decaestecker C (2002) Adjusting the outputs of a classifier to new a priori "
    "probabilities: a simple procedure. Neural Comput 14:21-41.",
    "guo": "Guo C, Pleiss G, Sun Y, Weinberger KQ (2017) On calibration of modern neural networks. Proc 34th Int Conf "
    "Mach Learn, 1321-1330.",
    "satterthwaite": "Satterthwaite FE (1946) An approximate distribution of estimates of variance components. "
    "Biometrics Bull 2:110-114.",
    "wilson": "Wilson EB (1927) Probable inference, the law of succession, and statistical inference. J Am Stat "
    "Assoc 22:209-212.",
    "smyth": "Smyth GK (2004) Linear models and empirical Bayes methods for assessing differential expression in "
    "microarray experiments. Stat Appl Genet Mol Biol 3:3.",
    "phipson": "Phipson B, Lee S, Majewski IJ, Alexander WS, Smyth GK (2016) Robust hyperparameter estimation protects "
    "against hypervariable genes and improves power to detect differential expression. Ann Appl Stat "
    "10:946-963.",
    "welch": "Welch BL (1947) The generalization of 'Student's' problem when several different population variances "
    "are involved. Biometrika 34:28-35.",
    "holm": "Holm S (1979) A simple sequentially rejective multiple test procedure. Scand J Stat 6:65-70.",
    "fdr_bh": "Benjamini Y, Hochberg Y (1995) Controlling the false discovery rate. J R Stat Soc B 57:289-300.",
    "hedges": "Hedges LV (1981) Distribution theory for Glass's estimator of effect size and related estimators. "
    "J Educ Stat 6:107-128.",
}


def cite(used: list[str], key: str) -> str:
    """ "[2]": the number of a work; `used` gets it where it is named for the first time."""
    if key not in used:
        used.append(key)
    return f"[{used.index(key) + 1}]"


def numbers(values: Iterable[int]) -> str:
    """ "3", or "2 to 5"."""
    found = sorted({int(value) for value in values})
    return f"{found[0]:,}" if len(found) == 1 else f"{found[0]:,} to {found[-1]:,}"


def plural(number: int, word: str) -> str:
    """The word, with an s for more than one."""
    return word if number == 1 else f"{word}s"
