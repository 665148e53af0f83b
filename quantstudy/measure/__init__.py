"""What is measured: a stack, the plane and a plan become tidy rows."""
