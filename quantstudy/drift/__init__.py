"""What quantization did: pure functions of numpy arrays, without models and without files."""
