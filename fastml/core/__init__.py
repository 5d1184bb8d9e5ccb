"""What every family stands on: threads, checks at the door, estimators, callbacks."""
