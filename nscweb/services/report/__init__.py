"""The report of a run: tables, workbook, HTML, methods text, and making it again."""
