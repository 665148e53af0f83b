"""Does the answer depend on how it is quantized?"""
