"""Inducer groups compared: corrected ratios, tests, time courses, and the answer in a sentence."""
