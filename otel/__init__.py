"""Telemetry of all programs: the contract as data, the SDK set up to keep it, and what the programs share.

``docs.py`` writes docs/telemetry.md from the contract, ``registry.py`` docs/registry/.
"""
