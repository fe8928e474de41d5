"""The Delta tables, from plain Python and from Spark."""
