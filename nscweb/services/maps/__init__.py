"""The map of cells: vectors, layout, selections, neighbours, clusters and samples that lie apart."""
