{{/* Which parts of the release are made, and the addresses they reach each other by. Each answers "true" or nothing. */}}

{{- define "wmc.operator" -}}
{{- if .Capabilities.APIVersions.Has "monitoring.coreos.com/v1" }}true{{ end -}}
{{- end -}}

{{/* Call with (dict "root" $ "enabled" .Values.x.enabled): true, false, or auto for where the operator's API is there. */}}
{{- define "wmc.whereOperator" -}}
{{- if or (eq (toString .enabled) "true") (and (eq (toString .enabled) "auto") (eq (include "wmc.operator" .root) "true")) }}true{{ end -}}
{{- end -}}

{{/* What asks the operator to scrape: ServiceMonitor, PodMonitor, or nothing. */}}
{{- define "wmc.monitor.kind" -}}
{{- if .Values.podMonitor.enabled }}PodMonitor
{{- else if eq (include "wmc.whereOperator" (dict "root" . "enabled" .Values.serviceMonitor.enabled)) "true" }}ServiceMonitor{{ end -}}
{{- end -}}

{{- define "wmc.monitor.enabled" -}}
{{- if include "wmc.monitor.kind" . }}true{{ end -}}
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
{{- if and .Values.stack.enabled (not .Values.prometheus.url) -}}
{{- $enabled := toString .Values.stack.prometheus.enabled -}}
{{- if eq $enabled "true" }}true{{ else if and (eq $enabled "auto") (not (include "wmc.operator.prometheus" .)) }}true{{ end -}}
{{- end -}}
{{- end -}}

{{/* Whether a label selector of Kubernetes selects labels; none selects nothing. Call with (dict "selector" x "labels" y). */}}
{{- define "wmc.selects" -}}
{{- $labels := .labels -}}
{{- $missed := kindIs "invalid" .selector -}}
{{- $selector := default dict .selector -}}
{{- range $key, $value := $selector.matchLabels -}}
{{- if ne (toString (get $labels $key)) $value }}{{ $missed = true }}{{ end -}}
{{- end -}}
{{- range $selector.matchExpressions -}}
{{- $has := hasKey $labels .key -}}
{{- $isListed := and $has (has (get $labels .key) (default list .values)) -}}
{{- $matches := dict "In" $isListed "NotIn" (not $isListed) "Exists" $has "DoesNotExist" (not $has) -}}
{{- if not (get $matches .operator) }}{{ $missed = true }}{{ end -}}
{{- end -}}
{{- if not $missed }}true{{ end -}}
{{- end -}}

{{/*
The Prometheus of the operator that scrapes this release, as YAML: url, alertmanagerUrl, name, namespace. Nothing where there is
none, where the cluster may not be asked (operator.lookup), and where the chart is rendered without one.
*/}}
{{- define "wmc.operator.prometheus" -}}
{{- if eq (include "wmc.monitor.enabled" .) "true" -}}
{{- $found := include "wmc.operator.find" (dict "root" $ "of" "Prometheus" "kind" (include "wmc.monitor.kind" $ | untitle) "labels" .Values.serviceMonitor.labels "component" "metrics" "namespace" .Values.serviceMonitor.namespace) | fromYaml -}}
{{- with $found -}}
{{- $path := default "" .spec.routePrefix | trimSuffix "/" -}}
name: {{ .metadata.name }}
namespace: {{ .metadata.namespace }}
url: http://prometheus-operated.{{ .metadata.namespace }}.svc:9090{{ $path }}
{{- with dig "alerting" "alertmanagers" list .spec | first }}
{{- $port := kindIs "string" .port | ternary 9093 (default 9093 .port) | int }}
alertmanagerUrl: {{ default "http" .scheme }}://{{ .name }}.{{ default $found.metadata.namespace .namespace }}.svc:{{ $port }}{{ default "" .pathPrefix | trimSuffix "/" }}
{{- end }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/*
The first Prometheus or Alertmanager of the operator that selects an object of this release, as YAML; nothing where there is none,
and where the cluster is not asked. Call with "of" (its kind) and what wmc.operator.selects is called with.
*/}}
{{- define "wmc.operator.find" -}}
{{- $found := dict -}}
{{- if and .root.Values.operator.lookup (eq (include "wmc.operator" .root) "true") -}}
{{- range (lookup "monitoring.coreos.com/v1" .of "" "").items -}}
{{- if and (not $found) (include "wmc.operator.selects" (merge (dict "object" .) $)) }}{{ $found = . }}{{ end -}}
{{- end -}}
{{- end -}}
{{- with $found }}{{ toYaml . }}{{ end -}}
{{- end -}}

{{/*
Whether an object of the operator selects one of this release. Call with (dict "root" $ "object" <Prometheus> "kind"
"serviceMonitor" "labels" <its own labels> "component" "metrics"), and "namespace" if it is not the release's.
*/}}
{{- define "wmc.operator.selects" -}}
{{- $own := default (include "wmc.namespace" .root) .namespace -}}
{{- $namespaces := index .object.spec (printf "%sNamespaceSelector" .kind) -}}
{{- $inReach := kindIs "invalid" $namespaces | ternary (eq .object.metadata.namespace $own) true -}}
{{- if and $inReach $namespaces -}}
{{- $namespace := lookup "v1" "Namespace" "" $own -}}
{{- $labels := merge (dict "kubernetes.io/metadata.name" $own) (dig "metadata" "labels" dict $namespace) -}}
{{- $inReach = eq (include "wmc.selects" (dict "selector" $namespaces "labels" $labels)) "true" -}}
{{- end -}}
{{- $labels := include "wmc.labels" (pick . "root" "component" "labels") | fromYaml -}}
{{- if and $inReach (include "wmc.selects" (dict "selector" (index .object.spec (printf "%sSelector" .kind)) "labels" $labels)) }}true{{ end -}}
{{- end -}}

{{- define "wmc.stack.alertmanager.enabled" -}}
{{- if and (eq (include "wmc.stack.prometheus.enabled" .) "true") .Values.stack.alertmanager.enabled (not .Values.alertmanager.url) }}true{{ end -}}
{{- end -}}

{{- define "wmc.stack.grafana.enabled" -}}
{{- if and .Values.stack.enabled .Values.stack.grafana.enabled }}true{{ end -}}
{{- end -}}

{{- define "wmc.loki.url" -}}
{{- /* As loki-url.ts of the service: Grafana appends the paths of Loki, too. */ -}}
{{- if .Values.loki.url }}{{ regexReplaceAll "(?:/+loki/api/v1(?:/+[a-z_]+)?|/+api/prom(?:/+[a-z_]+)?|/+push)?/*$" .Values.loki.url "" }}
{{- else if eq (include "wmc.stack.loki.enabled" .) "true" }}http://{{ include "wmc.fullname" . }}-loki:3100{{ end -}}
{{- end -}}

{{- define "wmc.prometheus.url" -}}
{{- if .Values.prometheus.url }}{{ .Values.prometheus.url }}
{{- else if eq (include "wmc.stack.prometheus.enabled" .) "true" }}http://{{ include "wmc.fullname" . }}-prometheus:9090
{{- else }}{{ default "" (include "wmc.operator.prometheus" . | fromYaml).url }}{{ end -}}
{{- end -}}

{{/* The same for what runs in another namespace. */}}
{{- define "wmc.prometheus.urlFromElsewhere" -}}
{{- if eq (include "wmc.stack.prometheus.enabled" .) "true" }}http://{{ include "wmc.fullname" . }}-prometheus.{{ include "wmc.namespace" . }}.svc:9090
{{- else }}{{ include "wmc.prometheus.url" . }}{{ end -}}
{{- end -}}

{{/* Matchers of the release's own series: the labels that every scraper of it gives. */}}
{{- define "wmc.seriesSelector" -}}
{{- printf "namespace=%q,job=%q,release=%q" (include "wmc.namespace" .) (include "wmc.name" .) .Release.Name -}}
{{- end -}}

{{- define "wmc.alertmanager.url" -}}
{{- if .Values.alertmanager.url }}{{ .Values.alertmanager.url }}
{{- else if eq (include "wmc.stack.alertmanager.enabled" .) "true" }}http://{{ include "wmc.fullname" . }}-alertmanager:9093
{{- else if not (or .Values.prometheus.url (include "wmc.stack.prometheus.enabled" .)) }}{{ default "" (include "wmc.operator.prometheus" . | fromYaml).alertmanagerUrl }}{{ end -}}
{{- end -}}

{{- define "wmc.resumeToken.secretName" -}}
{{- default (printf "%s-resume-token" (include "wmc.fullname" .)) .Values.resumeToken.existingSecret -}}
{{- end -}}

{{/*
Whether Helm asks the cluster. A list of the API has items, be they none; without a cluster, every lookup is empty. A namespace
that is not there yet has lists, too.
*/}}
{{- define "wmc.cluster" -}}
{{- if hasKey (lookup "v1" "Secret" (include "wmc.namespace" .) "") "items" }}true{{ end -}}
{{- end -}}

{{/*
Whether this is a render that is deployed though Helm asks no cluster, as by Argo CD: it passes on the APIs of the cluster with
their kinds, which Helm by itself does not know.
*/}}
{{- define "wmc.blindDeployment" -}}
{{- if and (.Capabilities.APIVersions.Has "apps/v1/Deployment") (not (include "wmc.cluster" .)) }}true{{ end -}}
{{- end -}}

{{/*
A value of a Secret that the chart makes, so that it stays the same: the one that is there already, or else a random one. Nothing
without a cluster to keep it in, where each render would make another. Call with (dict "root" $ "name" "x" "key" "y").
*/}}
{{- define "wmc.keptSecret" -}}
{{- $live := lookup "v1" "Secret" (include "wmc.namespace" .root) .name -}}
{{- $value := get (default (dict) $live.data) .key -}}
{{- if $value }}{{ $value }}{{ else if include "wmc.cluster" .root }}{{ randAlphaNum 48 | b64enc }}{{ end -}}
{{- end -}}

{{/* The key that the chart makes, if it does. */}}
{{- define "wmc.resumeToken.key" -}}
{{- if not .Values.resumeToken.existingSecret -}}
{{- include "wmc.keptSecret" (dict "root" . "name" (include "wmc.resumeToken.secretName" .) "key" "resume-token-key") -}}
{{- end -}}
{{- end -}}

{{- define "wmc.resumeToken.enabled" -}}
{{- $enabled := toString .Values.resumeToken.enabled -}}
{{- if eq $enabled "true" }}true
{{- else if and (eq $enabled "auto") (or .Values.resumeToken.existingSecret (include "wmc.resumeToken.key" .)) }}true{{ end -}}
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
(dict "root" $ "component" "loki" "port" 3100 "url" <its address> "enabled" <"true" if this release has it>).
*/}}
{{- define "wmc.egress.part" -}}
{{- if eq .enabled "true" }}
- to:
    - podSelector:
        matchLabels:
          {{- include "wmc.selectorLabels" (dict "root" .root "component" .component) | nindent 10 }}
  ports:
    - {port: {{ .port }}, protocol: TCP}
{{- else if .url }}
{{- $rule := get .root.Values.networkPolicy.egress .component -}}
{{- include "wmc.egress.rule" (dict "to" $rule.to "ports" (include "wmc.egress.partPorts" . | fromJsonArray)) }}
{{- end }}
{{- end -}}

{{/* Ports of a part that this release has not, as JSON. Call as above. */}}
{{- define "wmc.egress.partPorts" -}}
{{- $port := include "wmc.urlPort" .url | int -}}
{{- $translated := dict "80" (list 8080 .port) "443" (list 8443 .port) -}}
{{- default (concat (list $port) (default list (get $translated (toString $port)))) (get .root.Values.networkPolicy.egress .component).ports | toJson -}}
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

{{/* Egress to Loki, if the service ships its log. */}}
{{- define "wmc.egress.loki" -}}
{{- if .Values.loki.ship -}}
{{- include "wmc.egress.part" (dict "root" $ "component" "loki" "port" 3100 "url" (include "wmc.loki.url" .) "enabled" (include "wmc.stack.loki.enabled" .)) -}}
{{- end -}}
{{- end -}}

{{/* Egress to the store of sessions, if there is one. */}}
{{- define "wmc.egress.store" -}}
{{- if eq (include "wmc.stack.redis.enabled" .) "true" -}}
{{- include "wmc.egress.part" (dict "root" $ "component" "redis" "port" 6379 "enabled" "true") -}}
{{- else if eq .Values.store.type "redis" -}}
{{- include "wmc.egress.redis" . -}}
{{- end -}}
{{- end -}}

{{/* Egress to a Redis that is not of this release. */}}
{{- define "wmc.egress.redis" -}}
{{- include "wmc.egress.rule" (dict "to" .Values.networkPolicy.egress.redis.to "ports" (include "wmc.egress.redisPorts" . | fromJsonArray)) -}}
{{- end -}}

{{/* Ports of such a Redis, as JSON. */}}
{{- define "wmc.egress.redisPorts" -}}
{{- $ports := list 6379 -}}
{{- with .Values.store.redis.url -}}
{{- $ports = (include "wmc.redis.urlPorts" $ | fromYaml).ports -}}
{{- if contains "+sentinel:" . }}{{ $ports = append $ports 6379 | uniq }}{{ end -}}
{{- end -}}
{{- default $ports .Values.networkPolicy.egress.redis.ports | toJson -}}
{{- end -}}

{{/* A peer that is a component of this release. Call with (dict "root" $ "component" "grafana"). */}}
{{- define "wmc.peer" -}}
- podSelector:
    matchLabels:
      {{- include "wmc.selectorLabels" . | nindent 6 }}
{{- end -}}


{{/* Where the self-test tries to connect, as YAML under `destinations`: `loki=host:3100`. An address in a Secret is not known here. */}}
{{- define "wmc.test.destinations" -}}
{{- $found := list -}}
{{- if eq (include "wmc.loki.shipped" .) "true" -}}
{{- $found = append $found (printf "loki=%s" (include "wmc.urlAddress" (include "wmc.loki.url" .))) -}}
{{- end -}}
{{- if eq (include "wmc.stack.redis.enabled" .) "true" -}}
{{- $found = append $found (printf "redis=%s-redis:6379" (include "wmc.fullname" .)) -}}
{{- else if and (eq .Values.store.type "redis") .Values.store.redis.url (not .Values.store.redis.urlSecret) -}}
{{- $usual := contains "+sentinel:" .Values.store.redis.url | ternary 26379 6379 -}}
{{- range splitList "," (regexReplaceAll "^[^/]*//([^/]*).*$" .Values.store.redis.url "${1}") -}}
{{- $found = append $found (printf "redis=%s%s" . (regexMatch ":[0-9]+$" . | ternary "" (printf ":%d" $usual))) -}}
{{- end -}}
{{- end -}}
{{- if .Values.stack.enabled -}}
{{- range $name, $url := dict "prometheus" (include "wmc.prometheus.url" .) "alertmanager" (include "wmc.alertmanager.url" .) -}}
{{- with $url }}{{ $found = append $found (printf "%s=%s" $name (include "wmc.urlAddress" .)) }}{{ end -}}
{{- end -}}
{{- end -}}
destinations: {{ $found | toJson }}
{{- end -}}

{{/* `host:port` of an address. */}}
{{- define "wmc.urlAddress" -}}
{{- printf "%s:%s" (regexReplaceAll ":[0-9]+$" (urlParse .).host "") (include "wmc.urlPort" .) -}}
{{- end -}}

{{/* Receivers of the self-test's alerts, as YAML under `receivers`: severities by the names of those that have an address. */}}
{{- define "wmc.test.receivers" -}}
{{- $severities := dict "page" "critical" "ticket" "warning" "info" "info" -}}
{{- $found := dict -}}
{{- range (include "wmc.receiverKeys" . | fromYaml).keys -}}
{{- $receiver := splitList "-" . | first -}}
{{- $_ := set $found $receiver (get $severities $receiver) -}}
{{- end -}}
receivers: {{ $found | toJson }}
{{- end -}}

{{/* Egress to a component of this release, in the syntax of Cilium. Call with (dict "root" $ "component" "loki" "port" 3100). */}}
{{- define "wmc.cilium.component" -}}
- toEndpoints:
    - matchLabels:
        {{- include "wmc.selectorLabels" . | nindent 8 }}
  toPorts:
    - ports: [{port: {{ .port | quote }}, protocol: TCP}]
{{- end -}}

{{/*
Egress to hosts, in the syntax of Cilium: addresses, names, and for names that may be those of Services, which no answer of DNS leads
to a pod of, the cluster. Call with (dict "hosts" <with ports or not> "ports" <numbers>); no host, as in a Secret, is any.
*/}}
{{- define "wmc.cilium.hosts" -}}
{{- range $written := .hosts }}
{{- $host := regexReplaceAll ":[0-9]+$" $written "" | trimAll "[]" }}
{{- $peers := list }}
{{- if regexMatch "^[0-9.]+$" $host }}
{{- $peers = list (dict "toCIDR" (list (printf "%s/32" $host))) }}
{{- else if contains ":" $host }}
{{- $peers = list (dict "toCIDR" (list (printf "%s/128" $host))) }}
{{- else if not $host }}
{{- $peers = list (dict "toEntities" (list "all")) }}
{{- else }}
{{- $peers = list (dict "toFQDNs" (list (dict "matchName" $host))) }}
{{- if or (lt (len (splitList "." $host)) 3) (regexMatch "\\.(svc|local)$|\\.svc\\." $host) }}
{{- $peers = list (dict "toEntities" (list "cluster")) }}
{{- end }}
{{- end }}
{{- range $peers }}
- {{ toYaml . | nindent 2 | trim }}
  toPorts:
    - ports:
        {{- range $.ports }}
        - {port: {{ . | toString | quote }}, protocol: TCP}
        {{- end }}
{{- end }}
{{- end }}
{{- end -}}
