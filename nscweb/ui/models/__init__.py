"""The parts of the page Models: cards, trainings, searches, installing."""
