"""How good a model is on cells of known class: figures of merit, two runs compared, labels checked."""
