"""From reviews to decisions: all that a scoring process imports. No torch, no lake, no MLflow."""
