"""Predicts on arrival how long a request will take: by the trained model, or linear in phonemes while none is used.

Predictions go to admission, to deadlines, to dry runs, and into the request's event. The drift job makes the model; see
docs/prediction.md.
"""
