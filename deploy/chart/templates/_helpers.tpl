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

{{- define "mirrorball.leaseNamespace" -}}
{{ .Values.config.leaderElectionNamespace | default .Release.Namespace }}
{{- end }}

{{/* The flags in the order of values.yaml. The name of a flag is the key in kebab case. */}}
{{- define "mirrorball.args" -}}
- run
{{- $config := .Values.config }}
{{- range list "leaderElect" "httpAddress" "logFormat" "logLevel" "sourceDeleteGrace" "protectedNamespaces" "sourceNamespaces" "reservedNames" "kinds" "workers" "writeConcurrency" "leaderElectionNamespace" "leaderElectionName" "leaderElectionLeaseDuration" "leaderElectionRenewDeadline" "leaderElectionRetryPeriod" "profiling" }}
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
