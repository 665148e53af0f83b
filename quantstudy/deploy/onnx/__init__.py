"""ONNX graphs of quantized networks, and ONNX Runtime, which runs them; needs the extra `deploy`."""
