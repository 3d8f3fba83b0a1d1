{{/*
The policies of a file of deploy/kustomize/components, in the namespace of the release. The dictionary has: root, the
file, the expressions of variables by name, and the users that the guard does not look at.
*/}}
{{- define "mirrorball.admission" -}}
{{- $account := printf "system:serviceaccount:%s:mirrorball" .root.Release.Namespace }}
{{- $users := list }}
{{- range prepend (.users | default list) $account }}
{{- $users = append $users (squote .) }}
{{- end }}
{{- $own := "'system:serviceaccount:mirrorball-system:mirrorball'" }}
{{- $text := .root.Files.Get .file | replace (printf "[%s]" $own) (printf "[%s]" (join ", " $users)) | replace $own (squote $account) }}
{{- range splitList "\n---\n" $text }}
{{- $object := fromYaml . }}
{{- range $object.spec.variables }}
{{- if hasKey $.variables .name }}
{{- $_ := set . "expression" (get $.variables .name) }}
{{- end }}
{{- end }}
{{- if and (eq $object.kind "ValidatingAdmissionPolicyBinding") $.actions }}
{{- $_ := set $object.spec "validationActions" $.actions }}
{{- end }}
---
{{ toYaml $object }}
{{- end }}
{{- end }}

{{/* A CEL expression: whether the request is in one of --protected-namespaces, or empty for the program's default. */}}
{{- define "mirrorball.isProtected" -}}
{{- $patterns := .Values.config.protectedNamespaces }}
{{- if not (kindIs "invalid" $patterns) }}
{{- $yes := list }}
{{- $no := list }}
{{- range splitList "," (regexReplaceAll "\\s" $patterns "") }}
{{- $expression := trimPrefix "!" . | replace "*" ".*" | replace "?" "." }}
{{- if hasPrefix "!" . }}
{{- $no = append $no $expression }}
{{- else if . }}
{{- $yes = append $yes $expression }}
{{- end }}
{{- end }}
{{- if not $yes -}}
false
{{- else -}}
request.namespace.matches('^({{ join "|" $yes }})$')
{{- if $no }} && !request.namespace.matches('^({{ join "|" $no }})$'){{ end }}
{{- end }}
{{- end }}
{{- end }}
