"""What is studied: the islands, the activations, the network and how it is trained."""
