"""Data derived from the texts and media of a batch; several operators share them."""
