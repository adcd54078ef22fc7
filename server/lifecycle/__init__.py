"""The process of the server: how it starts, what it locks, what runs in the background, and what a crash leaves."""
