"""What stands on the figures in words: per figure its title (the finding), how to read it, and the small print."""
