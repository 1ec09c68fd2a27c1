"""Simulated imaging flow cytometer studies with known truth: demo, tests, shipped weights."""
