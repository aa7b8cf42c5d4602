"""The search for a recipe: pools of a measured subset, training on each pool, and their comparison."""
