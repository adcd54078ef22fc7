"""Helpers that all programs share: settings from the environment, generated files, addresses, private logs."""
