"""Which cells train and which are held out: groups, folds, and images on both sides."""
