"""Decide about duplicates in pieces over files, for more samples than the memory of one node. Ray is not needed here.

Every piece reads files and writes files that appear complete or not at all. It may run on any machine, and twice.
"""
