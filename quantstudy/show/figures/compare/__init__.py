"""In what do two runs differ?"""
