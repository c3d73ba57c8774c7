"""Datasets, class lists, classifiers, pairs: what a researcher brings."""
