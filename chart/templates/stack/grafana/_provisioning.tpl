{{/* Grafana's provisioning files (grafana.com/docs/grafana, "Provision Grafana"). A `$` would have to be written `$$`. */}}

{{- define "wmc.stack.grafana.datasources" -}}
apiVersion: 1
datasources:
  - name: Prometheus
    uid: prometheus
    type: prometheus
    access: proxy
    url: {{ include "wmc.prometheus.url" . }}
    isDefault: true
    editable: false
    jsonData:
      timeInterval: {{ .Values.metrics.scrapeInterval }}
      httpMethod: POST
      {{- if include "wmc.alertmanager.url" . }}
      alertmanagerUid: alertmanager
      {{- end }}
  {{- with include "wmc.loki.url" . }}
  - name: Loki
    uid: loki
    type: loki
    access: proxy
    url: {{ . }}
    editable: false
    {{- if $.Values.tempo.url }}
    jsonData:
      derivedFields:
        - name: trace_id
          matcherType: label
          matcherRegex: trace_id
          url: $${__value.raw}
          datasourceUid: tempo
          urlDisplayLabel: Trace
    {{- end }}
  {{- end }}
  {{- with .Values.tempo.url }}
  - name: Tempo
    uid: tempo
    type: tempo
    access: proxy
    url: {{ . }}
    editable: false
    jsonData:
      tracesToLogsV2:
        datasourceUid: loki
        spanStartTimeShift: -1h
        spanEndTimeShift: 1h
        customQuery: true
        query: '{service="websocket-message-counter"} |= "$${__trace.traceId}" | json'
  {{- end }}
  {{- with include "wmc.alertmanager.url" . }}
  - name: Alertmanager
    uid: alertmanager
    type: alertmanager
    access: proxy
    url: {{ . }}
    editable: false
    jsonData:
      implementation: prometheus
      handleGrafanaManagedAlerts: false
  {{- end }}
{{- end -}}

{{- define "wmc.stack.grafana.providers" -}}
apiVersion: 1
providers:
  - name: websocket-message-counter
    type: file
    folder: WebSocket
    allowUiUpdates: false
    disableDeletion: true
    options:
      path: /var/lib/grafana-dashboards
{{- end -}}
