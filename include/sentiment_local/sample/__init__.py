"""Generated reviews to try the platform on, the same for the same seed."""
