"""Which activation can be deployed?"""
