"""Operators over images."""
