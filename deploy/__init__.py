"""How ttscope is shipped: images, files for Compose, manifests for Kubernetes; ``chart/`` generates the Helm chart."""
