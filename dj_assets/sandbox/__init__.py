"""How a recipe is found: pools of a measured subset, trained on and compared."""
