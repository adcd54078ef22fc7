"""Telemetry: the contract as data, the SDK set up to keep it, and everything that leaves the process."""
