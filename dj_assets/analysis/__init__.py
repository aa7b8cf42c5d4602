"""Questions to a finished run: statistics, one sample, two runs, thresholds. Nothing is drawn here."""
