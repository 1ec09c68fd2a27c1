"""What is said where a table or a figure has nothing to show."""

NO_CELL = "No cell is left to count."
ONE_GROUP = "There are no two groups at one time point that could be compared."
NO_CONTROL = "It needs a control group to compare with, and none was chosen."
ONE_TIME = "Every group has one time point only, so first and last cannot be compared."
