"""Many runs: sweeps, the paper's figures, and the map of when the warmup matters."""
