"""Kernels of multi-layer perceptrons."""
