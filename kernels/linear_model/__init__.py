"""Linear models: one pass over rows that gives predictions' errors, gradient and curvature."""
