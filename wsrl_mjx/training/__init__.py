"""The steps of pretraining and fine-tuning, the compiled loop, and WSRL as a recipe of both."""
