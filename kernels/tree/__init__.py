"""Decision trees: exact splits at the cost of histograms."""
