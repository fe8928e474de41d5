"""Review Sentiment Platform: reviews in, daily sentiment out. Importing this package loads nothing heavy."""
