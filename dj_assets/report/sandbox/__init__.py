"""What a sandbox found and what a subset was worth, to look at: SVG without scripts or fonts."""
