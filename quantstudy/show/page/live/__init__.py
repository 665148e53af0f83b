"""What the page quantizes itself: networks, data and ranges, as text that its script reads."""
