"""Accounts: who uses how much, what it costs, and how it goes on. Figures from rows, without any judgement.

Nothing in here writes a page; drift.reports does.
"""
