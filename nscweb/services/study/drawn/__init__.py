"""Gates in two dimensions, and the numbers that they are drawn over."""
