"""The admin, one module per group of models."""
