{{/* Rule groups, the same for the PrometheusRule and for the stack's Prometheus, under the key `groups`. */}}
{{- define "wmc.rules" -}}
{{- tpl (.Files.Get "files/alerts.yaml") . | trim -}}
{{- end -}}
