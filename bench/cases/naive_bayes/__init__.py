"""Naive Bayes: fits and predictions."""
