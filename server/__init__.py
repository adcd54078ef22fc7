"""The HTTP synthesis server."""

VERSION = "0.1.0"
