"""Test operators: the contract test that the operators of the package pass, for the operators of other authors."""

from dj_assets.testing.check import check_operator

__all__ = ["check_operator"]
