"""A page on which people review draft questions about clips."""
