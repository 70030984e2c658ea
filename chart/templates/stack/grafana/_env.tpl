{{/* Nothing is fetched or sent: no plug-ins, no news, no statistics. */}}
{{- define "wmc.stack.grafana.env" -}}
- name: GF_SECURITY_ADMIN_USER
  value: {{ .Values.stack.grafana.adminUser | quote }}
- name: GF_SECURITY_ADMIN_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ include "wmc.stack.grafana.secretName" . }}
      key: admin-password
- name: GF_SERVER_ROOT_URL
  value: {{ default "http://localhost:3000" .Values.stack.grafana.rootUrl | quote }}
- name: GF_ANALYTICS_REPORTING_ENABLED
  value: "false"
- name: GF_ANALYTICS_CHECK_FOR_UPDATES
  value: "false"
- name: GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES
  value: "false"
- name: GF_NEWS_NEWS_FEED_ENABLED
  value: "false"
- name: GF_PLUGINS_PREINSTALL_DISABLED
  value: "true"
{{- end -}}
