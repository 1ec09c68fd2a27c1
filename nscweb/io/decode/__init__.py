"""One image file to pixels, in a process of its own that may hang or crash."""
