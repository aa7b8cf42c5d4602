"""Vision models: they take small uint8 crops, in batches of many samples, and return numbers."""
