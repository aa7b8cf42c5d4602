"""Object stores: sources that are read where they are, data homes with a local copy, and atomic writes."""
