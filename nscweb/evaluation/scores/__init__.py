"""How good the scores of a model are on cells of known class: confusion, curves, reliability, class sets."""
