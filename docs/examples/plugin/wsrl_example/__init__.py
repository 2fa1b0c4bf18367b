"""A world and an algorithm for wsrl_mjx, as a package of their own."""
