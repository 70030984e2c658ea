{{/* Which parts of the release are made, and the addresses they reach each other by. Each answers "true" or nothing. */}}

{{- define "wmc.operator" -}}
{{- if .Capabilities.APIVersions.Has "monitoring.coreos.com/v1" }}true{{ end -}}
{{- end -}}

{{/* Call with (dict "root" $ "enabled" .Values.x.enabled): true, false, or auto for where the operator's API is there. */}}
{{- define "wmc.whereOperator" -}}
{{- if or (eq (toString .enabled) "true") (and (eq (toString .enabled) "auto") (eq (include "wmc.operator" .root) "true")) }}true{{ end -}}
{{- end -}}

{{- define "wmc.serviceMonitor.enabled" -}}
{{- include "wmc.whereOperator" (dict "root" . "enabled" .Values.serviceMonitor.enabled) -}}
{{- end -}}

{{- define "wmc.prometheusRule.enabled" -}}
{{- include "wmc.whereOperator" (dict "root" . "enabled" .Values.prometheusRule.enabled) -}}
{{- end -}}

{{- define "wmc.stack.loki.enabled" -}}
{{- if and .Values.stack.enabled .Values.stack.loki.enabled (not .Values.loki.url) }}true{{ end -}}
{{- end -}}

{{- define "wmc.stack.redis.enabled" -}}
{{- $redis := .Values.store.redis -}}
{{- if and .Values.stack.enabled .Values.stack.redis.enabled (eq .Values.store.type "redis") (not (or $redis.url $redis.urlSecret)) }}true{{ end -}}
{{- end -}}

{{/* The service ships its log to Loki by itself. */}}
{{- define "wmc.loki.shipped" -}}
{{- if and .Values.loki.ship (include "wmc.loki.url" .) }}true{{ end -}}
{{- end -}}

{{- define "wmc.stack.prometheus.enabled" -}}
{{- $enabled := toString .Values.stack.prometheus.enabled -}}
{{- $wanted := or (eq $enabled "true") (and (eq $enabled "auto") (ne (include "wmc.operator" .) "true")) -}}
{{- if and .Values.stack.enabled $wanted (not .Values.prometheus.url) }}true{{ end -}}
{{- end -}}

{{- define "wmc.stack.alertmanager.enabled" -}}
{{- if and (eq (include "wmc.stack.prometheus.enabled" .) "true") .Values.stack.alertmanager.enabled (not .Values.alertmanager.url) }}true{{ end -}}
{{- end -}}

{{- define "wmc.stack.grafana.enabled" -}}
{{- if and .Values.stack.enabled .Values.stack.grafana.enabled }}true{{ end -}}
{{- end -}}

{{- define "wmc.loki.url" -}}
{{- /* As loki-url.ts of the service: Grafana appends the paths of Loki, too. */ -}}
{{- if .Values.loki.url }}{{ regexReplaceAll "(?:/+loki/api/v1(?:/+[a-z_]+)?|/+api/prom(?:/+[a-z_]+)?)?/*$" .Values.loki.url "" }}
{{- else if eq (include "wmc.stack.loki.enabled" .) "true" }}http://{{ include "wmc.fullname" . }}-loki:3100{{ end -}}
{{- end -}}

{{- define "wmc.prometheus.url" -}}
{{- if .Values.prometheus.url }}{{ .Values.prometheus.url }}
{{- else if eq (include "wmc.stack.prometheus.enabled" .) "true" }}http://{{ include "wmc.fullname" . }}-prometheus:9090{{ end -}}
{{- end -}}

{{- define "wmc.alertmanager.url" -}}
{{- if .Values.alertmanager.url }}{{ .Values.alertmanager.url }}
{{- else if eq (include "wmc.stack.alertmanager.enabled" .) "true" }}http://{{ include "wmc.fullname" . }}-alertmanager:9093{{ end -}}
{{- end -}}

{{- define "wmc.resumeToken.secretName" -}}
{{- default (printf "%s-resume-token" (include "wmc.fullname" .)) .Values.resumeToken.existingSecret -}}
{{- end -}}

{{/* A value of a Secret that the chart makes: the one that is there already, or else a random one, so that it stays the same over upgrades. Call with (dict "root" $ "name" "x" "key" "y"). */}}
{{- define "wmc.keptSecret" -}}
{{- $kept := lookup "v1" "Secret" .root.Release.Namespace .name -}}
{{- get (default (dict) $kept.data) .key | default (randAlphaNum 48 | b64enc) -}}
{{- end -}}

{{- define "wmc.stack.grafana.secretName" -}}
{{- default (printf "%s-grafana" (include "wmc.fullname" .)) .Values.stack.grafana.existingSecret -}}
{{- end -}}

{{/* Port of an address, for egress rules: as written, or the scheme's. */}}
{{- define "wmc.urlPort" -}}
{{- $url := urlParse . -}}
{{- $written := regexFind ":[0-9]+$" $url.host | trimPrefix ":" -}}
{{- default (eq $url.scheme "https" | ternary "443" "80") $written -}}
{{- end -}}

{{/* Egress to DNS. */}}
{{- define "wmc.egress.dns" -}}
{{- $dns := .Values.networkPolicy.egress.dns -}}
- ports:
    {{- range $dns.ports }}
    - {port: {{ . }}, protocol: UDP}
    - {port: {{ . }}, protocol: TCP}
    {{- end }}
  {{- with $dns.to }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{/* Egress to pods that the chart does not know. Call with (dict "to" <peers> "ports" <numbers>). */}}
{{- define "wmc.egress.rule" -}}
- ports:
    {{- range .ports }}
    - {port: {{ . }}, protocol: TCP}
    {{- end }}
  {{- with .to }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{/*
Egress to a part: its pods if this release has them, else what networkPolicy.egress says of its address. Call with
(dict "root" $ "component" "loki" "port" 3100 "url" .Values.loki.url "enabled" "true").
*/}}
{{- define "wmc.egress.part" -}}
{{- if .url }}
{{- $rule := get .root.Values.networkPolicy.egress .component -}}
{{- $port := include "wmc.urlPort" .url | int -}}
{{- $translated := dict "80" (list 8080 .port) "443" (list 8443 .port) -}}
{{- include "wmc.egress.rule" (dict "to" $rule.to "ports" (default (concat (list $port) (default list (get $translated (toString $port)))) $rule.ports)) }}
{{- else if eq .enabled "true" }}
- to:
    - podSelector:
        matchLabels:
          {{- include "wmc.selectorLabels" (dict "root" .root "component" .component) | nindent 10 }}
  ports:
    - {port: {{ .port }}, protocol: TCP}
{{- end }}
{{- end -}}

{{/* Ports in store.redis.url, as YAML under `ports`: of its nodes, the protocol's own where none is written. */}}
{{- define "wmc.redis.urlPorts" -}}
{{- $url := .Values.store.redis.url -}}
{{- $usual := contains "+sentinel:" $url | ternary 26379 6379 -}}
{{- $ports := list -}}
{{- range splitList "," (regexReplaceAll "^[^/]*//([^/]*).*$" $url "${1}") -}}
{{- $ports = append $ports (regexFind ":[0-9]+$" . | trimPrefix ":" | default $usual | int) -}}
{{- end -}}
ports: {{ $ports | uniq | toJson }}
{{- end -}}

{{/* Egress to a Redis that is not of this release. */}}
{{- define "wmc.egress.redis" -}}
{{- $rule := .Values.networkPolicy.egress.redis -}}
{{- $ports := list 6379 -}}
{{- with .Values.store.redis.url -}}
{{- $ports = (include "wmc.redis.urlPorts" $ | fromYaml).ports -}}
{{- if contains "+sentinel:" . }}{{ $ports = append $ports 6379 | uniq }}{{ end -}}
{{- end -}}
{{- include "wmc.egress.rule" (dict "to" $rule.to "ports" (default $ports $rule.ports)) -}}
{{- end -}}

{{/* A peer that is a component of this release. Call with (dict "root" $ "component" "grafana"). */}}
{{- define "wmc.peer" -}}
- podSelector:
    matchLabels:
      {{- include "wmc.selectorLabels" . | nindent 6 }}
{{- end -}}
