"""What could explain good scores besides the cells: shortcuts, shifted samples, wrong labels, outlines."""
