"""From landed files to clean, unique reviews."""
