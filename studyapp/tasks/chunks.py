"""Bells and chunks of jobs."""
