"""What the user asks to download: published models, ImageNet weights, public data, checked."""
