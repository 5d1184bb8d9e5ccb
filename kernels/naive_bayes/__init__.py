"""Kernels of naive Bayes."""
