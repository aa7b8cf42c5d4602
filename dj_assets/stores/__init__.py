"""Object stores: sources that are read in place, data homes with a local working copy, and atomic writes."""
