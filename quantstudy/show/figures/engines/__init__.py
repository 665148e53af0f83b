"""Do real engines compute what was simulated?"""
