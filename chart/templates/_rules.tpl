{{/* Rule groups, the same for the PrometheusRule and for the stack's Prometheus, under the key `groups`. */}}
{{- define "wmc.rules" -}}
{{- $rules := tpl (.Files.Get "files/alerts.yaml") . | trim -}}
{{- if and .Values.dashboards.enabled (ne (include "wmc.stack.grafana.enabled" .) "true") -}}
{{- $suffix := include "wmc.dashboards.suffix" . -}}
{{- range list "overview" "logs" }}{{ $rules = replace (printf "/d/websocket-%s?" .) (printf "/d/websocket-%s%s?" . $suffix) $rules }}{{ end -}}
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

{{/*
A dashboard in which further labels tell services apart: each has a variable before that of the job, and stands beside the job
in every selector and link. Call with (dict "json" "{…}" "labels" (list "cluster")).
*/}}
{{- define "wmc.dashboards.withLabels" -}}
{{- $json := .json -}}
{{- range .labels -}}
{{- $json = replace "job=~\\\"$job\\\"" (printf "%s=~\\\"$%s\\\",job=~\\\"$job\\\"" . .) $json -}}
{{- $json = replace "${job:queryparam}" (printf "${%s:queryparam}&${job:queryparam}" .) $json -}}
{{- end -}}
{{- if .labels -}}
{{- $dashboard := fromJson $json -}}
{{- $variables := list -}}
{{- range $variable := $dashboard.templating.list -}}
{{- if eq $variable.name "job" -}}
{{- range $label := $.labels -}}
{{- $query := printf "label_values(websocket_build_info, %s)" $label -}}
{{- $own := dict "name" $label "label" (title $label) "definition" $query "query" (mergeOverwrite (deepCopy $variable.query) (dict "query" $query)) -}}
{{- $variables = append $variables (mergeOverwrite (deepCopy $variable) $own) -}}
{{- end -}}
{{- end -}}
{{- $variables = append $variables $variable -}}
{{- end -}}
{{- $_ := set $dashboard.templating "list" $variables -}}
{{- $json = toPrettyJson $dashboard -}}
{{- end -}}
{{- $json -}}
{{- end -}}

{{/* What the ids of the release's dashboards end in, in a Grafana that others use, too. */}}
{{- define "wmc.dashboards.suffix" -}}
{{- printf "-%s" (printf "%s/%s" (include "wmc.namespace" .) (include "wmc.fullname" .) | sha256sum | trunc 8) -}}
{{- end -}}
