"""What can be called, one module for each kind of call; routes never import an engine or a provider."""
