"""The state folder of the job, and the clock that it trusts."""
