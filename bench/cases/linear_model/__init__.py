"""Linear and logistic regression: fits and predictions."""
