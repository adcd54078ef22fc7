"""Who may speak, and when; knows nothing of torch."""
