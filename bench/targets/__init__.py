"""The servers that are measured, and what they count."""
