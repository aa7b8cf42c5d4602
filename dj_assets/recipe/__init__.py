"""Recipes: YAML to a typed model, to a plan, to hashes."""
