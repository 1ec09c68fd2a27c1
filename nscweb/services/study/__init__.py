"""Studies: import, sample sheet, gates, quality, fields of view."""
