"""What an import understood, and what becomes of a study afterwards."""
