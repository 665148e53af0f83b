"""The targets that networks learn, islands, and the streams of random numbers that everything draws from."""
