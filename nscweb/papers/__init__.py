"""The five papers made again: protocols, trainings, tables and figures beside the printed numbers."""
