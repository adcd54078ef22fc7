"""Programs that measure a running server over HTTP, or start servers to compare it with; RESULTS.md has their results.

They import nothing of the server's, except for the simulation. ``traffic/`` checks the server's account of itself,
``clients/`` sends load, ``targets/`` are the servers that are measured, ``results/`` writes the sections of RESULTS.md,
and ``simulation/`` runs the server's own code in virtual time.
"""
