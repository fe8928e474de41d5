"""Searches for better settings of a training, in trials that several processes share."""
