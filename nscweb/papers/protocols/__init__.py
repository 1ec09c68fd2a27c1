"""What each paper did, as data: one TOML file per paper, read by `nscweb.papers.protocol`."""
