"""How much of the loss does a repair win back?"""
