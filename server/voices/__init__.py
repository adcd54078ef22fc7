"""The voices on this machine: their catalogue, their installation, and clients' recordings."""
