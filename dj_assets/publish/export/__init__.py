"""A refined subset in the format that others take: parts of about equal size, with checksums."""
