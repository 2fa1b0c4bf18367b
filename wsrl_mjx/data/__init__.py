"""Experience: the replay, rollouts, offline datasets, and the behaviours that make them."""
