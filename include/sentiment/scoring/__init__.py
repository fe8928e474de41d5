"""From reviews to decisions, by onnxruntime alone."""
