"""The standard result of a model run."""
