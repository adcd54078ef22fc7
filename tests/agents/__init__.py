"""Clients of agents' frameworks, in the environment of requirements/agents.lock: ``python -m tests.agents`` there."""
