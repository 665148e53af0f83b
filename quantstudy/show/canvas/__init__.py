"""What every figure is drawn on: a page, a palette, tiles."""
