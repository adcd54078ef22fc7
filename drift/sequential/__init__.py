"""Change found within minutes: sequential tests beside the hourly windows, with a promised rate of false alarms.

``request_values.py`` reads new rows, compared with the usual values of ``expectation.py``. ``levels.py`` (latency) and
``shares.py`` (failures, misheard words) hold a detector for each series, whose evidence ``budget.py`` weighs;
``monitor.py`` feeds them and names the builds that came with a change. ``builds.py`` compares a new build with the
others by the intervals of ``confidence.py``, ``news.py`` says it in words, and ``memory.py`` keeps what is known
between two rounds. drift.change_job makes the rounds; drift.gate is the command that stops a deployment.
"""
