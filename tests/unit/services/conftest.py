"""Lets the folders of this room import `predicted` and `import_in_parts`."""
