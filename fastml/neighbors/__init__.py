"""Nearest neighbours, as in :mod:`sklearn.neighbors`."""
