"""The targets that networks learn, ours and the user's own, and the streams of random numbers that everything uses."""
