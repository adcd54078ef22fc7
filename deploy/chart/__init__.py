"""The generator of the Helm chart in deploy/helm: its templates, values and schema are made of deploy/kubernetes."""
