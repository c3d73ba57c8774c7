"""Runs of explanations: their images, rows, files and fit."""
