"""Models that look at pictures: they take small uint8 crops, in batches of many samples, and give numbers."""
