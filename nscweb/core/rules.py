"""Limits that decide what is said about results, each with its reason: numbers and sentences take them from here."""

from __future__ import annotations

# Replicates of a group from which a spread between replicates is believed: two give a variance of one degree of
# freedom, whose interval says nothing.
FEWEST_REPLICATES = 3
