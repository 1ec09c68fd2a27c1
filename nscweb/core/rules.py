"""Limits that decide what is said about results, each with its reason: numbers and sentences take them from here."""

from __future__ import annotations

# Level of every test, and of every interval (95 %): of a hundred true hypotheses five are rejected. By convention.
ALPHA = 0.05
LEVEL = 1 - ALPHA
# Chances below the two ends of an interval.
TAILS = (ALPHA / 2, 1 - ALPHA / 2)
# Replicates of a group from which a spread between replicates is believed: two give a variance of one degree of
# freedom, whose interval says nothing. Fewer give no p value.
FEWEST_REPLICATES = 3
# The same where the spread is borrowed across groups: with two each, tests hold their 5 % (docs/measured/MODERATED.md).
FEWEST_BORROWING = 2

# Fast mode is offered where all of these hold, on cells that neither network learnt from.
FAST_LEAST_AGREEMENT = 0.995  # share of cells that get the label of the exact network
FAST_LARGEST_RATIO_SHIFT = 0.002  # difference of a fate ratio, 0..1
FAST_LEAST_SPEEDUP = 1.5  # times the speed of exact mode, on the machine that predicts
FAST_LEAST_CELLS = 200  # that can vouch for the three above
# Beyond this share of cells that the exact network sees again, little of the speed is left on any machine.
FAST_MOST_SECOND_LOOKS = 0.35
# Pairs of a first and a last ratio from which limits of agreement are given, for the same reason.
FEWEST_PAIRS = FEWEST_REPLICATES
# Cells from which a share says anything. Were a quarter of the cells of a sample foreign, which makes a large sample
# red, the test for single cells (one in a thousand by chance) would miss it more often than not in fewer: it asks for
# 4 of 5, 5 of 10 or 6 of 20 cells far out, where 1, 3 or 5 are to be expected. So no smaller sample is called fitting,
# and no claim rests on one.
FEWEST_CELLS = 20
# Of the cells of a sample, so many without any signal are no chance: a camera or an export failed.
MANY_BLANK = 0.05
# Fewer cells than this are told as few, although claims may rest on them.
FEW_CELLS = 50
# An interval of more than this, 0 to 1, says little.
WIDE = 0.4
# A correction of more than this, 0 to 1, is told with both numbers.
FAR = 0.15
# Cells of known class behind each class from which the correction is taken, of control samples or of held-out cells of
# one time point; and of all time points together, which are used where one has too few.
FEWEST_KNOWN, FEWEST_KNOWN_OF_ALL = 50, 20
# Maximum likelihood (EM) believes each score. Asked for known mixtures of held-out cells it may be off by this much, 0
# to 1. On mixtures of real cells its error was that of PACC or less up to 0.10, 1.2 times it from 0.10 to 0.15 and 2.8
# times above 0.20; where calibration left more than 0.10, 1.6 times it (docs/measured/MIXTURES_REAL.md). Chance of 120
# held-out cells of each class alone makes 0.03 to 0.07.
EM_MOST_OFF = 0.10
# Held-out cells of each class that a sentence adds, to say what they would be worth. As many as an afternoon at the
# cytometer gives.
MORE_CELLS = 1_000
# Cells of a sample, the same share of each class, for which the card of a model says how wide an interval is.
CELLS_OF_A_SAMPLE = 500
# Cells of known class from which a set of classes can be promised to hold the right one, and from which a time point
# has a curve of reliability of its own.
FEWEST_FOR_SETS, FEWEST_FOR_RELIABILITY = 100, 50
# Held-out samples from which their spread is known well enough to call another sample far.
FEWEST_HELD_OUT_SAMPLES = 5
# Different doses from which a curve with four parameters is fitted, doses above zero among them, and replicates.
FEWEST_DOSES, FEWEST_DOSES_ABOVE_ZERO, FEWEST_FOR_CURVE = 4, 3, 6
# Share of known cells that are called far out: those beyond distance 1 from the middle of all known cells.
FAR_OUT = 0.05
# With fewer samples of a class than this, a reader is told how few there are.
FEW_SAMPLES = 5
# Differences of shares, 0 to 1, that are asked about unless somebody says otherwise: one that would not matter, and
# one that an experiment should be able to show.
MARGIN, DIFFERENCE = 0.05, 0.10
# Chance with which an experiment should find a difference that is there: four times in five. By convention.
POWER = 0.80
# Shares of the cells that a network may lose by a swap in the shortcut audit; benchmarks/shortcuts.py shows what sound
# networks lose, and what those lose that have learnt the recording. Contrast, and with it noise beside the contrast, is
# in part a trait of the cells: flat cells have less of it. So swaps of these cost sound networks something, too.
SWAP_COST = 0.05
SWAP_COSTS = {"noise": 0.10, "contrast": 0.10, "light": 0.10}
# Class maps: likeness (rank correlation, 0 to 1) from which maps of a network with weights drawn anew are called alike,
# and below which maps of a cell that moved by a pixel are called unsteady.
MAP_SAME, MAP_STEADY = 0.5, 0.8
# A change of the recording that costs a model more than this share of its right answers harms it: every sample is
# tested for such changes before it is called fitting.
HARMFUL = 0.05
# Pixel sizes that differ by no more than this share are the same: instruments round theirs to two digits, and cells of
# one culture differ in size by more. Beyond it images are resampled to the pixel size of the model.
SAME_PIXEL_SIZE = 0.02
# How is counted and adjusted unless somebody says otherwise: keys of `estimates.METHODS`,
# `p_values.ADJUSTMENTS` and `group_errors.VARIANCES`.
DEFAULT_METHOD, DEFAULT_ADJUST, DEFAULT_VARIANCE = "pacc", "holm", "moderated"
# From so many groups of the fewest replicates on, Welch's analysis of variance finds too much.
MANY_GROUPS = 6
# Replicates in one group so many times those of the other are told: no test for unequal spread holds its level there.
UNEVEN = 2

_SPELLED = (
    *("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty"),
)


def spelled(number: int) -> str:
    """A number as in a sentence: "three" for 3, up to twenty; in digits above."""
    return _SPELLED[number] if 0 <= number < len(_SPELLED) else f"{number:,}"


def per_cent(share: float) -> str:
    """ "5 %" for 0.05, for the limits of this file in a sentence."""
    return f"{100 * share:g} %"
