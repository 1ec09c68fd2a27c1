"""From cells to probabilities, class maps and embeddings, by the recipe of a model card."""
