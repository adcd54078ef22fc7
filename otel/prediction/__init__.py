"""The prediction of a request's durations: its features, the file of a trained model, and what evaluates it.

The drift job trains and writes, the server reads and evaluates. Neither scikit-learn nor numpy is needed here, so a
prediction costs microseconds and no import.
"""
