"""Invented people and districts, drawn from published shares, for demonstration, training and load tests."""
