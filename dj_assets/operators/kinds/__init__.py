"""Base classes and parameters that several operators have in common."""
