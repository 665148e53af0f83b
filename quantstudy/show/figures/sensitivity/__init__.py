"""Which layer does the damage?"""
