"""Pieces that several networks of the table share."""
