"""Numbers and sentences as files: CSV, workbooks, FCS, HTML."""
