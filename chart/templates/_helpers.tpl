{{/* Names and labels: nothing else in the chart makes one. */}}

{{- define "wmc.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 48 | trimSuffix "-" -}}
{{- end -}}

{{/*
Full name of the release's resources; short enough for the longest suffix within the 63 characters of a label. As a subchart it
always has the chart's name or alias, since there may be several in one release. What would be cut so far that two releases or
aliases could have one name ends with a hash.
*/}}
{{- define "wmc.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if and .Chart.IsRoot (contains (include "wmc.name" .) .Release.Name) -}}
{{- include "wmc.shortened" (dict "name" .Release.Name "hash" true) -}}
{{- else -}}
{{- $hash := or (not .Chart.IsRoot) (gt (len .Release.Name) 40) -}}
{{- include "wmc.shortened" (dict "name" (printf "%s-%s" .Release.Name (include "wmc.name" .)) "hash" $hash) -}}
{{- end -}}
{{- end -}}

{{- define "wmc.shortened" -}}
{{- if and .hash (gt (len .name) 48) -}}
{{- printf "%s-%s" (trunc 39 .name | trimSuffix "-") (sha256sum .name | trunc 8) -}}
{{- else -}}
{{- trunc 48 .name | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Namespace of the release's resources. */}}
{{- define "wmc.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride -}}
{{- end -}}

{{/* Labels that select the pods of one component. Call with (dict "root" $ "component" "service"). */}}
{{- define "wmc.selectorLabels" -}}
app.kubernetes.io/name: {{ include "wmc.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/*
All labels of a resource, each once: those that select win, then the resource's own, then those of all. Call as above, with
"labels" where the resource has its own.
*/}}
{{- define "wmc.labels" -}}
{{- $chart := dict
  "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-")
  "app.kubernetes.io/version" .root.Chart.AppVersion
  "app.kubernetes.io/managed-by" .root.Release.Service
  "app.kubernetes.io/part-of" .root.Chart.Name -}}
{{- merge (include "wmc.selectorLabels" . | fromYaml) (default dict .labels) (default dict .root.Values.commonLabels) $chart | toYaml -}}
{{- end -}}

{{/*
Labels of a pod: none that changes with the chart's version, since another label is another pod, and each new pod costs its
clients a reconnect. Call as above.
*/}}
{{- define "wmc.podLabels" -}}
{{- $chart := dict "app.kubernetes.io/part-of" .root.Chart.Name -}}
{{- merge (include "wmc.selectorLabels" . | fromYaml) (default dict .labels) (default dict .root.Values.commonLabels) $chart | toYaml -}}
{{- end -}}

{{/*
Metadata of a resource. Call with (dict "root" $ "component" "service"), and where there are any "suffix" of the name,
"labels", "annotations" and "namespace" besides.
*/}}
{{- define "wmc.metadata" -}}
name: {{ include "wmc.fullname" .root }}{{ with .suffix }}-{{ . }}{{ end }}
namespace: {{ default (include "wmc.namespace" .root) .namespace }}
labels:
  {{- include "wmc.labels" . | nindent 2 }}
{{- with merge (dict) (default (dict) .annotations) (default dict .root.Values.commonAnnotations) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "wmc.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "wmc.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/*
Reference of an image: the digest wins over the tag, and global.imageRegistry over the registry. Call with
(dict "root" $ "image" .Values.image "tag" .Chart.AppVersion).
*/}}
{{- define "wmc.image" -}}
{{- $repository := .image.repository -}}
{{- with (default dict .root.Values.global).imageRegistry -}}
{{- $repository = printf "%s/%s" (trimSuffix "/" .) (regexReplaceAll "^([^/]*[.:][^/]*|localhost)/" $repository "") -}}
{{- end -}}
{{- if .image.digest -}}
{{- printf "%s@%s" $repository .image.digest -}}
{{- else -}}
{{- printf "%s:%s" $repository (default .tag .image.tag) -}}
{{- end -}}
{{- end -}}

{{/* Secrets to pull images with, the parent chart's too, which are names or have them. */}}
{{- define "wmc.imagePullSecrets" -}}
{{- $secrets := list -}}
{{- range concat (default list (default dict .Values.global).imagePullSecrets) (default list .Values.imagePullSecrets) -}}
{{- $secrets = append $secrets (kindIs "string" . | ternary (dict "name" .) .) -}}
{{- end -}}
{{- with $secrets | uniq }}{{ toYaml . }}{{ end -}}
{{- end -}}

{{/* A value as an environment variable holds it: Helm reads every number as a float, and would print 1e+06. */}}
{{- define "wmc.plain" -}}
{{- if kindIs "slice" . -}}
{{- join "," . -}}
{{- else if kindIs "float64" . -}}
{{- if eq (floor .) . }}{{ int64 . }}{{ else }}{{ . }}{{ end -}}
{{- else -}}
{{- toString . -}}
{{- end -}}
{{- end -}}

{{/* Bytes of a quantity such as 512Mi (resource.Quantity in the Kubernetes API). */}}
{{- define "wmc.bytes" -}}
{{- $text := toString . -}}
{{- $number := regexFind "^[0-9.]+([eE][+-]?[0-9]+)?" $text -}}
{{- $unit := trimPrefix $number $text -}}
{{- $factors := dict "" 1.0 "m" 1e-3 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "P" 1e15 "E" 1e18 "Ki" 1024.0 "Mi" 1048576.0 "Gi" 1073741824.0 "Ti" 1099511627776.0 "Pi" 1125899906842624.0 "Ei" 1152921504606846976.0 -}}
{{- if or (eq $number "") (not (hasKey $factors $unit)) -}}
{{- fail (printf "resources.limits.memory %q is not a quantity such as 512Mi or 1Gi" $text) -}}
{{- end -}}
{{- mulf (float64 $number) (get $factors $unit) | int64 -}}
{{- end -}}

{{/* What clients may reach from outside: paths and how they match, as YAML under `paths`. */}}
{{- define "wmc.publicPaths" -}}
paths:
  - {path: /ws/chat, match: prefix}
  {{- if .Values.config.consoleEnabled }}
  - {path: /, match: exact}
  - {path: /console.js, match: exact}
  - {path: /console.css, match: exact}
  - {path: /client.js, match: exact}
  {{- end }}
{{- end -}}
