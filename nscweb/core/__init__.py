"""The vocabulary of nscweb: words every room speaks. Imports nothing of ours."""
