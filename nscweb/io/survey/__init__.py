"""Looking through what was brought: samples, cells, channels, and what was left out."""
