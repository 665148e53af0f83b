"""From how many bits on is it safe?"""
