"""Single cells on pages: the gallery and class maps."""
