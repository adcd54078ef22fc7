"""The state folder of the job (``state_folder.py``), and the check of the clock (``clock.py``).

One job works on the folder at a time. A clock that jumps ahead would cause everything to be deleted as too old.
"""
