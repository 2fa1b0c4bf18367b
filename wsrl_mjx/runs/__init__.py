"""One run on this machine: the host loop, and all that touches disk, clock and console."""
