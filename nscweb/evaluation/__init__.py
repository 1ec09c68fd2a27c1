"""From the prediction table to fate ratios, confusion, curves and the shortcut check, with intervals."""
