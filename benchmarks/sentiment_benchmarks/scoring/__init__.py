"""Scoring measured: beside what people run today, over workers and sizes, and for one review."""
