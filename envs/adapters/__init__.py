"""Environments of other packages behind our contract, and ours behind theirs, each imported on demand."""
