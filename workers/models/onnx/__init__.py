"""Networks rewritten as ONNX graphs: for speed, for batches, in low precision."""
