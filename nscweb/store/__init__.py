"""Where things are kept: the catalogue, cell files, prediction files, provenance."""
