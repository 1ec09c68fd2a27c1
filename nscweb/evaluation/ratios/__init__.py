"""From the scores of the cells to the fate ratios of samples: counted, corrected, with intervals."""
