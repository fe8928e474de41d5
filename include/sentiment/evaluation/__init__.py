"""Measures a model's predictions."""
