"""Single cells: the gallery of a run, class maps, a quick look at a few images."""
