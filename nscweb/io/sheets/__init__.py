"""Sample sheets as CSV and Excel files: read as text, joined with samples by name."""
