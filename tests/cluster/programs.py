"""The programs of a Kubernetes cluster, built and cached as those of the pipeline are; versions are in go.mod files."""

from __future__ import annotations

from stack.programs import Program

VERSION = "v1.36.3"

_KUBERNETES = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "kubelet", "kubectl")

KUBERNETES = Program(
    "kubernetes",
    tuple(f"k8s.io/kubernetes/cmd/{name}" for name in _KUBERNETES),
    _KUBERNETES,
    12,
    variable=f"k8s.io/component-base/version.gitVersion={VERSION}",
)
ETCD = Program("etcd", ("go.etcd.io/etcd/server/v3",), ("server",), 1)
COREDNS = Program("coredns", ("github.com/coredns/coredns",), ("coredns",), 5)
KUBE_ROUTER = Program(
    "kube-router", ("github.com/cloudnativelabs/kube-router/v2/cmd/kube-router",), ("kube-router",), 3
)
"""Its policy controller alone: it turns NetworkPolicies into rules of each node's iptables."""
PROMETHEUS_ADAPTER = Program("prometheus-adapter", ("sigs.k8s.io/prometheus-adapter/cmd/adapter",), ("adapter",), 4)
HELM = Program("helm", ("helm.sh/helm/v3/cmd/helm",), ("helm",), 3)
KUBECONFORM = Program("kubeconform", ("github.com/yannh/kubeconform/cmd/kubeconform",), ("kubeconform",), 1)
_OPERATOR = "github.com/prometheus-operator/prometheus-operator"
PROMETHEUS_OPERATOR = Program(
    "prometheus-operator",
    (f"{_OPERATOR}/cmd/operator", f"{_OPERATOR}/cmd/prometheus-config-reloader"),
    ("operator", "prometheus-config-reloader"),
    4,
    variable="github.com/prometheus/common/version.Version=0.88.0",
)
"""The second one is a container of the Prometheus that the first one runs."""
