"""Predicting a study: the run, its trust lights, and the forms of its model."""
