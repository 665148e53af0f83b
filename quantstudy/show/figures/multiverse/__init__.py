"""Does the answer survive other reasonable choices?"""
