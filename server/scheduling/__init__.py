"""Schedules the steps of all requests on the engine. It knows nothing of torch."""
