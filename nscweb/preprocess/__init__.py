"""From native pixels to network input as a model card asks for it, and the quality of a cell image."""
