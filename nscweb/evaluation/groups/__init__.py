"""Inducer groups on their replicates: means, intervals, tests, time courses, doses, power."""
