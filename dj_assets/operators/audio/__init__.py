"""Operators over sounds."""
