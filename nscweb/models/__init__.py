"""Networks and their cards: the table of architectures, the catalogue of cards, safe loading of weights."""
