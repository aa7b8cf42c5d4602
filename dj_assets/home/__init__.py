"""The folder of a subset: its layout, its manifests, committing to it, damage and disk use."""
