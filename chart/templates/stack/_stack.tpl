{{/* What the parts of the stack have in common. */}}

{{/* Begin of a pod's spec. Call with (dict "root" $ "user" 10001). */}}
{{- define "wmc.stack.podSpec" -}}
{{- $context := dict "runAsUser" .user "runAsGroup" .user "fsGroup" .user -}}
{{- range $key, $value := .root.Values.stack.podSecurityContext -}}
{{- if kindIs "invalid" $value }}{{ $_ := unset $context $key }}{{ else }}{{ $_ := set $context $key $value }}{{ end -}}
{{- end -}}
enableServiceLinks: false
{{- with include "wmc.imagePullSecrets" .root }}
imagePullSecrets:
  {{- . | nindent 2 }}
{{- end }}
securityContext:
  {{- toYaml $context | nindent 2 }}
{{- with .root.Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/*
Deployment's spec up to the pod's. One pod that owns its files: the old one must be gone before the new one starts. Call with (dict "root" $ "component" "loki"), and with
"checksum" of what the pod reads at its start alone.
*/}}
{{- define "wmc.stack.deploymentSpec" -}}
replicas: 1
revisionHistoryLimit: 2
strategy:
  type: Recreate
selector:
  matchLabels:
    {{- include "wmc.selectorLabels" . | nindent 4 }}
template:
  metadata:
    labels:
      {{- include "wmc.podLabels" . | nindent 6 }}
    {{- with .checksum }}
    annotations:
      checksum/config: {{ . }}
    {{- end }}
{{- end -}}

{{/* The volume that a part keeps its files on. Call with (dict "root" $ "component" "loki" "persistence" .Values.stack.loki.persistence). */}}
{{- define "wmc.stack.dataVolume" -}}
- name: data
  {{- if .persistence.enabled }}
  persistentVolumeClaim:
    claimName: {{ include "wmc.fullname" .root }}-{{ .component }}
  {{- else }}
  emptyDir: {}
  {{- end }}
{{- end -}}

{{/* Call as above. */}}
{{- define "wmc.stack.pvc" -}}
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  {{- /* Kept when the release is uninstalled: an installation of the same name takes it over. */ -}}
  {{- include "wmc.metadata" (dict "root" .root "component" .component "suffix" .component "annotations" (dict "helm.sh/resource-policy" "keep")) | nindent 2 }}
spec:
  accessModes: [ReadWriteOnce]
  {{- with .persistence.storageClassName }}
  storageClassName: {{ . }}
  {{- end }}
  resources:
    requests:
      storage: {{ .persistence.size }}
{{- end -}}

{{/* Call with (dict "root" $ "component" "loki" "port" 3100). */}}
{{- define "wmc.stack.service" -}}
apiVersion: v1
kind: Service
metadata:
  {{- include "wmc.metadata" (dict "root" .root "component" .component "suffix" .component) | nindent 2 }}
spec:
  type: ClusterIP
  selector:
    {{- include "wmc.selectorLabels" (dict "root" .root "component" .component) | nindent 4 }}
  ports:
    - name: http
      port: {{ .port }}
      targetPort: http
      protocol: TCP
      appProtocol: http
{{- end -}}

{{/* Begin of a NetworkPolicy: who may come in. Call with (dict "root" $ "component" "loki" "from" (list "service" "grafana") "extra" .Values.stack.loki.extraIngressFrom), and "portName" if it is not http. */}}
{{- define "wmc.stack.networkPolicy" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "wmc.metadata" (dict "root" .root "component" .component "suffix" .component) | nindent 2 }}
spec:
  podSelector:
    matchLabels:
      {{- include "wmc.selectorLabels" (dict "root" .root "component" .component) | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress:
    - ports:
        - {port: {{ default "http" .portName }}, protocol: TCP}
      {{- if or .from .extra }}
      from:
        {{- range .from }}
        {{- include "wmc.peer" (dict "root" $.root "component" .) | nindent 8 }}
        {{- end }}
        {{- with .extra }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- end }}
{{- end -}}
