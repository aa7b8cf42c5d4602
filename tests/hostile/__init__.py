"""Input that wants more than to be processed: nothing that it does reaches beyond its own sample."""
