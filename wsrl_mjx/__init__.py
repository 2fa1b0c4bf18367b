"""WSRL on the accelerator: offline pretraining, warmup and high-UTD fine-tuning in compiled loops."""
