"""The scheduled drift job: compares each window of requests with a reference, and says in words what changed."""

VERSION = "0.1.0"
