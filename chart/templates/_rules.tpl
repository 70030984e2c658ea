{{/* Rule groups, the same for the PrometheusRule and for the stack's Prometheus, under the key `groups`. */}}
{{- define "wmc.rules" -}}
{{- $rules := tpl (.Files.Get "files/alerts.yaml") . | trim -}}
{{- if and .Values.dashboards.enabled (ne (include "wmc.stack.grafana.enabled" .) "true") -}}
{{- $rules = replace "/d/websocket-overview?" (printf "/d/websocket-overview%s?" (include "wmc.dashboards.suffix" .)) $rules -}}
{{- end -}}
{{- $rules -}}
{{- with .Values.prometheusRule.additionalRules }}
  - name: websocket-message-counter.additional
    rules:
      {{- toYaml . | nindent 6 }}
{{- end -}}
{{- end -}}

{{/* A duration such as 1h30m (Prometheus documentation, "Querying basics") in seconds. */}}
{{- define "wmc.seconds" -}}
{{- $sum := 0.0 -}}
{{- $units := dict "ms" 0.001 "s" 1.0 "m" 60.0 "h" 3600.0 "d" 86400.0 "w" 604800.0 "y" 31536000.0 -}}
{{- range regexFindAll "[0-9]+(ms|[smhdwy])" . -1 -}}
{{- $number := regexFind "^[0-9]+" . -}}
{{- $sum = addf $sum (mulf (float64 $number) (get $units (trimPrefix $number .))) -}}
{{- end -}}
{{- $sum -}}
{{- end -}}

{{/* Minimum window of a rule in seconds: four scrapes, so that a rate has its two samples even where one is missed. */}}
{{- define "wmc.leastWindowSeconds" -}}
{{- mul 4 (include "wmc.scrapeIntervalSeconds" . | int64) -}}
{{- end -}}

{{/* A window of samples: as told, or the default, or four scrapes where those are longer. Call with (dict "root" $ "value" x "default" "1m"). */}}
{{- define "wmc.window" -}}
{{- $least := include "wmc.leastWindowSeconds" .root | int64 -}}
{{- if .value }}{{ .value }}
{{- else if gt (float64 $least) (include "wmc.seconds" .default | float64) }}{{ $least }}s
{{- else }}{{ .default }}{{ end -}}
{{- end -}}

{{/* What the ids of the release's dashboards end in, in a Grafana that others use, too. */}}
{{- define "wmc.dashboards.suffix" -}}
{{- printf "-%s" (printf "%s/%s" (include "wmc.namespace" .) (include "wmc.fullname" .) | sha256sum | trunc 8) -}}
{{- end -}}
