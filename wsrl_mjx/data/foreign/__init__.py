"""Other people's datasets, a reader a format. Each yields episodes; the rest is the same for all."""
