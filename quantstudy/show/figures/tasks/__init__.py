"""Does the answer carry over to other tasks?"""
