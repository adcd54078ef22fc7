{{- /* The namespace of all objects. In default, the NetworkPolicies would cut off the pods of everybody else. */ -}}
{{- define "ttscope.namespace" -}}
{{- $name := .Values.namespace.name | default .Release.Namespace -}}
{{- if eq $name "default" -}}
{{- fail "namespace.name: not default, since NetworkPolicies close the whole namespace" -}}
{{- end -}}
{{- $name -}}
{{- end -}}

{{- /* REGISTRY/REPOSITORY:TAG@DIGEST of (list REGISTRY IMAGE), where a registry replaces the one of the repository. */ -}}
{{- define "ttscope.image" -}}
{{- $image := index . 1 -}}
{{- $repository := $image.repository -}}
{{- with index . 0 }}{{ $repository = regexReplaceAll "^[^/]+[.][^/]+/" $repository "" | printf "%s/%s" . }}{{ end -}}
{{- $repository }}:{{ $image.tag }}
{{- with $image.digest }}@{{ . }}{{ end -}}
{{- end -}}

{{- /* The Secrets by which images are pulled. */ -}}
{{- define "ttscope.pullSecrets" -}}
{{- $names := list -}}
{{- range .Values.images.pullSecrets }}{{ $names = append $names (dict "name" .) }}{{ end -}}
{{- toJson $names -}}
{{- end -}}

{{- /* The host names that servers accept, of (list . NAMES). */ -}}
{{- define "ttscope.hosts" -}}
{{- $root := index . 0 -}}
{{- $names := index . 1 | splitList "," -}}
{{- $names = concat $names $root.Values.server.allowedHosts -}}
{{- if $root.Values.ingress.enabled }}{{ $names = append $names $root.Values.ingress.host }}{{ end -}}
{{- if $root.Values.httpRoute.enabled }}{{ $names = concat $names $root.Values.httpRoute.hostnames }}{{ end -}}
{{- uniq $names | join "," -}}
{{- end -}}

{{- /* The Secrets that the Job makes, with spaces; nothing if all of them are there already. */ -}}
{{- define "ttscope.secretsToMake" -}}
{{- $names := list -}}
{{- range list "keys" "redis" "grafana" -}}
{{- if not (index $.Values.existingSecrets .) }}{{ $names = append $names (printf "ttscope-%s" .) }}{{ end -}}
{{- end -}}
{{- join " " $names -}}
{{- end -}}

{{- /* A hash of files of the chart, of (list . PATHS...): a pod with it starts anew when one changes. */ -}}
{{- define "ttscope.checksum" -}}
{{- $root := index . 0 -}}
{{- $texts := list -}}
{{- range rest . }}{{ $texts = append $texts ($root.Files.Get .) }}{{ end -}}
{{- toJson $texts | sha256sum -}}
{{- end -}}

{{- /* The name of a Job with a hash of all that its pod depends on, of (list . NAME VERSION FILES...): a Job can't be changed. */ -}}
{{- define "ttscope.jobName" -}}
{{- $root := index . 0 -}}
{{- $files := include "ttscope.checksum" (concat (list $root) (slice . 3)) -}}
{{- $values := list $root.Values.images $root.Values.server.image $root.Values.makeSecrets $root.Values.existingSecrets -}}
{{- printf "%s-%s" (index . 1) (list (index . 2) $files $values | toJson | sha256sum | trunc 10) -}}
{{- end -}}

{{- /* The labels of an object that has no manifest in deploy/kubernetes. */ -}}
{{- define "ttscope.labels" -}}
{{- dict "app.kubernetes.io/part-of" "ttscope" "app.kubernetes.io/instance" .Release.Name "app.kubernetes.io/managed-by" .Release.Service "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version) | toJson -}}
{{- end -}}
