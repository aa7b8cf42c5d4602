"""Export of a refined subset in common formats: parts of about equal size, with checksums."""
