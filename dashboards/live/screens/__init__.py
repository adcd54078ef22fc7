"""The pages of the live dashboard."""
