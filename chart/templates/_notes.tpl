{{/* Parts of NOTES.txt. */}}

{{/* How long pods and rollouts take to end, and where that is too long. */}}
{{- define "wmc.notes.ending" -}}
{{- $grace := include "wmc.graceSeconds" . | int -}}
{{- $pods := include "wmc.replicas" . | int -}}
A pod takes at most {{ $grace }} s to end{{ if not .Values.terminationGracePeriodSeconds }}: {{ include "wmc.leastGraceSum" . }}{{ end }}.
{{- if .Values.rollout.enabled }}
A rollout takes as long as rollout.steps say, and the last old pod is gone at most {{ $grace }} s later.
{{- else if eq .Values.updateStrategy.type "Recreate" }}
A rollout serves nobody for up to {{ $grace }} s and the start of the new pods.
{{- else if $pods }}
{{- $rounds := include "wmc.rolloutRounds" (dict "root" $ "pods" $pods) | int }}
A rollout of {{ $pods }} {{ eq $pods 1 | ternary "pod" "pods" }} takes {{ $rounds }} times the start of a pod and {{ .Values.minReadySeconds }} s, so more than {{ mul $rounds .Values.minReadySeconds }} s; the last old pod is gone at
most {{ $grace }} s later.
{{- end }}
{{- if gt $grace 30 }}

Warning: spot nodes {{ if gt $grace 120 }}give a pod less: 120 s on AWS, 30 s on Google Cloud and Azure{{ else }}of Google Cloud and Azure give a pod 30 s{{ end }}. One that still drains then
cuts its clients: lower config.prestopMaxSeconds and config.drainTimeoutSeconds where pods run on such nodes.
{{- end }}
{{- end -}}

{{/* Who scrapes the metrics. */}}
{{- define "wmc.notes.scrapes" -}}
{{- $kind := include "wmc.monitor.kind" . -}}
{{- $prometheus := include "wmc.operator.prometheus" . | fromYaml -}}
{{- if $prometheus -}}
Prometheus {{ $prometheus.namespace }}/{{ $prometheus.name }} scrapes this release.
{{- else if eq (include "wmc.stack.prometheus.enabled" .) "true" -}}
Prometheus of the stack scrapes this release.
{{- else if $kind -}}
Note: no Prometheus of the operator was found that selects this release's {{ $kind }}{{ if not .Values.operator.lookup }}, since operator.lookup is off{{ end }}. If none does, nothing scrapes it
and no alert can fire: set serviceMonitor.labels and prometheusRule.labels as your Prometheus selects them.
{{- else -}}
Note: nothing in this release scrapes the metrics. If something else does, set config.finalScrapeWaitSeconds to slightly more than
its interval, so that the end of each drain is scraped.
{{- end -}}
{{- end -}}

{{/* Who is notified of alerts: by the stack's Alertmanager, or by the operator's. */}}
{{- define "wmc.notes.paging" -}}
{{- $byStack := eq (include "wmc.stack.alertmanager.enabled" .) "true" -}}
{{- $config := .Values.alertmanagerConfig -}}
{{- $asksCluster := and .Values.operator.lookup (eq (include "wmc.operator" .) "true") -}}
{{- if and $byStack (not .Values.alertReceivers.secretName) }}

Note: nobody is notified of alerts, critical ones included: set alertReceivers.secretName.
{{- else if $byStack }}

{{ include "wmc.notes.receivers" . }}
{{- else if eq (include "wmc.prometheusRule.enabled" .) "true" }}
{{- if and $asksCluster (not (include "wmc.operator.find" (dict "root" $ "of" "Prometheus" "kind" "rule" "labels" .Values.prometheusRule.labels "component" "alerts"))) }}

Note: no Prometheus of the operator was found that selects this release's PrometheusRule. If none does, no alert can fire: set
prometheusRule.labels as your Prometheus selects them.
{{- end }}
{{- if $config.enabled }}

{{ include "wmc.notes.receivers" . }}
{{- if and $asksCluster (not (include "wmc.operator.find" (dict "root" $ "of" "Alertmanager" "kind" "alertmanagerConfig" "labels" $config.labels "component" "alerts"))) }}

Note: no Alertmanager of the operator was found that selects this release's AlertmanagerConfig. If none does, it notifies nobody:
set alertmanagerConfig.labels as your Alertmanager selects them.
{{- end }}
{{- else }}
{{- $routes := list }}
{{- if and $asksCluster (.Capabilities.APIVersions.Has "monitoring.coreos.com/v1alpha1") }}
{{- range (lookup "monitoring.coreos.com/v1alpha1" "AlertmanagerConfig" (include "wmc.namespace" .) "").items }}
{{- $receivers := list }}
{{- range .spec.receivers }}{{ $receivers = append $receivers .name }}{{ end }}
{{- $routes = append $routes (printf "%s (%s)" .metadata.name (join ", " $receivers)) }}
{{- end }}
{{- end }}
{{- if $routes }}

AlertmanagerConfigs of this namespace, with their receivers, notify of alerts: {{ join ", " $routes }}.
{{- else }}

Note: alerts go where the configuration of your Alertmanager itself says{{ if $asksCluster }}: this namespace has no AlertmanagerConfig{{ end }}. To have one,
set alertReceivers.secretName and alertmanagerConfig.enabled=true.
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* The receivers by what they get. */}}
{{- define "wmc.notes.receivers" -}}
{{- $levels := dict "page" "critical" "ticket" "warning" "info" "info" -}}
{{- range $receiver, $level := $levels -}}
{{- $keys := list -}}
{{- range $.Values.alertReceivers.keys }}{{ if hasPrefix $receiver . }}{{ $keys = append $keys . }}{{ end }}{{ end -}}
{{- if $keys -}}
Alerts of severity {{ $level }} go to {{ join ", " $keys }} of Secret {{ $.Values.alertReceivers.secretName }}.
{{ else -}}
Note: alerts of severity {{ $level }} go to nobody: alertReceivers.keys has no {{ $receiver }}-webhook-url.
{{ end -}}
{{- end -}}
{{- end -}}
