"""Duplicates decided in pieces over files, for more samples than one node's memory holds: nothing here needs Ray.

Every piece reads files and writes files that appear whole or not at all, so that it may be done anywhere, and twice.
"""
