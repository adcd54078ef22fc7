"""Where verdicts are sent: the Collector, a webhook, MLflow."""
