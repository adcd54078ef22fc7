"""The OpenTelemetry SDK, set up to keep the contract, and everything that leaves the process."""
