"""Algorithms, one a file, behind the contract of `wsrl_mjx.algos.base`."""
