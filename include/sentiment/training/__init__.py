"""Trains a model of any family."""
