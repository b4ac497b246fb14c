"""What infers: an ONNX model, or the user's own code."""
