"""Builds a model from its configuration."""
