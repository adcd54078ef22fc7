"""Trains the model that predicts how long requests take, judges it on later ones, and promotes it when it is better.

See docs/prediction.md. The model's form, its file and its evaluation are in ``otel.prediction``, which the server uses
too.
"""
