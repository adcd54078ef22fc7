"""A Kubernetes cluster of two nodes on this machine, and what the manifests do on it: `make test-kubernetes`."""
