"""A quantized network as one header in C99, without floats and without a library, and a main that reads points."""
