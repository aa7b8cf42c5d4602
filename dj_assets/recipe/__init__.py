"""Recipes: from YAML to a typed model, to a plan, and to hashes."""
