"""What sends load to a server and receives its audio."""
