"""The hall: one plain-Python file per task of a user; pages, commands and jobs call nothing else."""
