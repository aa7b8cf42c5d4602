"""The report of a run as one HTML page: no scripts, no external resources, every text of the data escaped."""
