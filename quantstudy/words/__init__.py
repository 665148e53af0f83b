"""Every sentence about a result is made here, from what the judge found."""
