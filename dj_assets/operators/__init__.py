"""Operators: one declaration, one short file each."""
