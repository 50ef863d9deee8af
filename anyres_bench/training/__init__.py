"""Training: one loop, recipes, configuration."""
