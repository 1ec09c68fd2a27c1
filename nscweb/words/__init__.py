"""Every sentence about results: the answer, its cautions, and how numbers are written."""
