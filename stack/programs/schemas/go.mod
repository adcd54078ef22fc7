module ttscope/schemas

go 1.26.3

require (
	github.com/kedacore/keda/v2 v2.21.0
	github.com/prometheus-operator/prometheus-operator v0.88.0
	k8s.io/kubernetes v1.36.3
	sigs.k8s.io/gateway-api v1.4.1
)
