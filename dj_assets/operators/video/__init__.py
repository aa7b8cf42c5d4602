"""Operators over video clips."""
