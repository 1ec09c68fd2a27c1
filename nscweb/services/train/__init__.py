"""Training and searching for settings on studies with true classes."""
