"""Labelled cells made ready for training: prepared once, drawn and augmented in batches."""
