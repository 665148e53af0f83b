"""A quantized network in integers alone: what the C file computes, number by number."""
