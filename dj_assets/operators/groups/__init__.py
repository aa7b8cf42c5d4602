"""Operators that make one sample of many: groupers, and the aggregators that follow them."""
