"""The report of a run as one HTML page: no scripts, nothing from elsewhere, every text of the data escaped."""
