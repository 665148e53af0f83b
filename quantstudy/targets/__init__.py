"""What networks learn: the islands, and the random numbers that everything draws from."""
