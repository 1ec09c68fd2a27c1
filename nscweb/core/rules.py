"""Limits that decide what is said about results, each with its reason: numbers and sentences take them from here."""

from __future__ import annotations

# Replicates of a group from which a spread between replicates is believed: two give a variance of one degree of
# freedom, whose interval says nothing.
FEWEST_REPLICATES = 3

# Fast mode is offered where all of these hold, on cells that neither network learnt from.
FAST_LEAST_AGREEMENT = 0.995  # share of cells that get the label of the exact network
FAST_LARGEST_RATIO_SHIFT = 0.002  # difference of a fate ratio, 0..1
FAST_LEAST_SPEEDUP = 1.5  # times the speed of exact mode, on the machine that predicts
FAST_LEAST_CELLS = 200  # that can vouch for the three above
# Beyond this share of cells that the exact network sees again, little of the speed is left on any machine.
FAST_MOST_SECOND_LOOKS = 0.35
