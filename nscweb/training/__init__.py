"""From labelled cells to a model folder with a complete card; runs on a bare compute node."""
