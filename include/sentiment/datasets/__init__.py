"""Snapshots of labelled reviews to train and test on."""
