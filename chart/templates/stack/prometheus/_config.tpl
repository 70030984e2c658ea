{{/* Prometheus with the targets and labels that the ServiceMonitor gives. */}}
{{- define "wmc.stack.prometheus.config" -}}
global:
  scrape_interval: {{ .Values.metrics.scrapeInterval }}
  evaluation_interval: {{ .Values.metrics.scrapeInterval }}
rule_files: [/etc/prometheus/rules.yml]
{{- with include "wmc.alertmanager.url" . }}
{{- $url := urlParse . }}
alerting:
  alertmanagers:
    - scheme: {{ $url.scheme }}
      path_prefix: {{ default "/" $url.path }}
      static_configs:
        - targets: [{{ printf "%s:%s" (regexReplaceAll ":[0-9]+$" $url.host "") (include "wmc.urlPort" .) | quote }}]
{{- end }}
scrape_configs:
  - job_name: {{ include "wmc.name" . }}
    metrics_path: /metrics/
    kubernetes_sd_configs:
      - role: endpointslice
        namespaces: {own_namespace: true}
        selectors:
          - role: endpointslice
            label: {{ printf "app.kubernetes.io/name=%s,app.kubernetes.io/instance=%s,app.kubernetes.io/component=metrics" (include "wmc.name" .) .Release.Name }}
    relabel_configs:
      # Prometheus takes the other ports of the pods for targets, too.
      - source_labels: [__meta_kubernetes_endpointslice_port_name]
        regex: metrics
        action: keep
      - source_labels: [__meta_kubernetes_namespace]
        target_label: namespace
      - source_labels: [__meta_kubernetes_service_name]
        target_label: service
      - source_labels: [__meta_kubernetes_pod_name]
        target_label: pod
      - source_labels: [__meta_kubernetes_pod_container_name]
        target_label: container
      - source_labels: [__meta_kubernetes_endpointslice_port_name]
        target_label: endpoint
      - target_label: release
        replacement: {{ .Release.Name }}
{{- end -}}
