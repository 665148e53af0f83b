"""What each activation costs: instructions of compiled code, bytes kept for backward, time. Measured, not asserted."""
