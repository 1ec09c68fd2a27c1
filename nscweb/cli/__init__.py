"""The command line: one command per user task, the same words and the same core as the pages."""
