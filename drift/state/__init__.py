"""The state folder of the job (``state_folder.py``), and whether the clock is to be believed (``clock.py``).

One job works on the folder at a time. A clock that leaps would let everything be deleted as too old.
"""
