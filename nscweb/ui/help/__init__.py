"""The parts of the page Help."""
