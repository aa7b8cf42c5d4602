"""Object stores: sources that are read where they lie, and data homes with a working copy on this machine."""
