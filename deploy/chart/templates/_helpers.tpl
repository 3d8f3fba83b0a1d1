{{/* The names are fixed: a cluster has one Mirrorball, and a second release fails instead of competing with the first. */}}

{{- define "mirrorball.labels" -}}
app.kubernetes.io/name: mirrorball
{{- end }}

{{- define "mirrorball.image" -}}
{{- $image := .Values.image -}}
{{- if not $image.repository -}}
{{- fail "image.repository is not set: there is no public image. Push your own (make push IMAGE=registry.example.com/mirrorball:v1), and use --set image.repository=registry.example.com/mirrorball --set image.tag=v1" -}}
{{- end -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ $image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{- define "mirrorball.port" -}}
{{ trimPrefix ":" .Values.config.httpAddress }}
{{- end }}

{{- define "mirrorball.kinds" -}}
{{- range splitList "," (.Values.config.kinds | default "secrets,configmaps") }}
- {{ trim . }}
{{- end }}
{{- end }}

{{/* The names in config.namespaces, as a JSON array. */}}
{{- define "mirrorball.namespaces" -}}
{{- $names := list }}
{{- range splitList "," (.Values.config.namespaces | default "") }}
{{- with trim . }}{{ $names = append $names . }}{{ end }}
{{- end }}
{{- $names | toJson }}
{{- end }}

{{/*
The permissions in all namespaces or, by a Role, in one. `mirrorball rbac` prints the same, and cmd/mirrorball/permissions.go
says what needs each verb.
*/}}
{{- define "mirrorball.permissions" -}}
- apiGroups: [""]
  resources: {{- include "mirrorball.kinds" . | nindent 4 }}
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [namespaces]
  verbs: {{ ternary "[get]" "[get, list, watch]" (not (empty .Values.config.namespaces)) }}
{{- if ne (toString .Values.config.attachToServiceAccounts) "false" }}
- apiGroups: [""]
  resources: [serviceaccounts]
  verbs: [list, watch, patch]
{{- end }}
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- end }}

{{- define "mirrorball.leaseNamespace" -}}
{{ .Values.config.leaderElectionNamespace | default .Release.Namespace }}
{{- end }}

{{/* The flags in the order of values.yaml. The name of a flag is the key in kebab case. */}}
{{- define "mirrorball.args" -}}
- run
{{- $config := .Values.config }}
{{- range list "leaderElect" "httpAddress" "logFormat" "logLevel" "sourceDeleteGrace" "protectedNamespaces" "sourceNamespaces" "namespaces" "reservedNames" "kinds" "attachToServiceAccounts" "workers" "writeConcurrency" "leaderElectionNamespace" "leaderElectionName" "leaderElectionLeaseDuration" "leaderElectionRenewDeadline" "leaderElectionRetryPeriod" "profiling" }}
{{- $value := index $config . }}
{{- if kindIs "float64" $value }}{{ $value = int64 $value }}{{ end }}
{{- if not (kindIs "invalid" $value) }}
- {{ printf "--%s=%v" (kebabcase .) $value | quote }}
{{- end }}
{{- end }}
{{- if .Values.admission.bornAttached.enabled }}
- "--born-attached=true"
{{- end }}
{{- end }}
