"""CUDA implementations in Triton (3.7.1 to 3.9). Importing this folder loads neither triton nor torch."""
