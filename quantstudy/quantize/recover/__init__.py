"""What repairs quantized networks: recipes, each from networks and their plan to networks and their plan."""
