"""Zips and loose files: checked before anything is unpacked, read as streams of bytes."""
