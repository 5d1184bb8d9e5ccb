"""Nearest neighbours: exact search."""
