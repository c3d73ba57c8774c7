"""Runs of predictions and features."""
