"""Numbers in, figures and tables out. Every figure has a companion table with exactly what is drawn."""
