"""How do the outputs fill the quantizer's range?"""
