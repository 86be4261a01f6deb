"""Predictions in; scores, comparisons, thresholds and the points of every curve out. Never asks who wrote a prediction."""
