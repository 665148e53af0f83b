"""Which activation flips fewer pixels, and how sure is that?"""
