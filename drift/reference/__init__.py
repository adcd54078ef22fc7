"""What windows are compared with: the reference, its thresholds, and how both are calibrated."""
