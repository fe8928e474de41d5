"""From a trained model to an ONNX bundle that passed its parity check."""
