"""Labels of single cells: who said what of which cell, and how."""
