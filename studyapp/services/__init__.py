"""Writes that touch several models: one verb, one function, one transaction."""
