"""Read sources: file formats, splitting into blocks, and records as texts and fields."""
