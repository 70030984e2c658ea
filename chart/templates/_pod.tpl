{{/* The service's pod. */}}
{{- define "wmc.podSpec" -}}
serviceAccountName: {{ include "wmc.serviceAccountName" . }}
automountServiceAccountToken: false
# Variables for every Service of the namespace would only clash with the service's own.
enableServiceLinks: false
terminationGracePeriodSeconds: {{ include "wmc.graceSeconds" . }}
{{- with include "wmc.imagePullSecrets" . }}
imagePullSecrets:
  {{- . | nindent 2 }}
{{- end }}
{{- with .Values.podSecurityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
containers:
  - {{ include "wmc.container" . | nindent 4 | trim }}
{{- with .Values.extraContainers }}
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with concat (include "wmc.volumes.own" . | fromYamlArray) (default list .Values.volumes) }}
volumes:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- range $field := list "initContainers" "hostAliases" "dnsPolicy" "dnsConfig" "runtimeClassName" "schedulerName" "priorityClassName" "preemptionPolicy" "nodeSelector" "tolerations" "affinity" }}
{{- with get $.Values $field }}
{{- dict $field . | toYaml | nindent 0 }}
{{- end }}
{{- end }}
{{- with include "wmc.topologySpread" . }}
topologySpreadConstraints:
  {{- . | trim | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "wmc.container" -}}
name: websocket-message-counter
image: {{ include "wmc.image" (dict "root" $ "image" .Values.image "tag" .Chart.AppVersion) }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args:
  {{- include "wmc.args" . | trim | nindent 2 }}
env:
  {{- include "wmc.env" . | nindent 2 }}
{{- with .Values.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
ports:
  - name: http
    containerPort: {{ .Values.containerPorts.http }}
    protocol: TCP
  - name: metrics
    containerPort: {{ .Values.containerPorts.metrics }}
    protocol: TCP
{{- include "wmc.probes" . }}
{{- with include "wmc.hooks" . | fromYaml }}
lifecycle:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.securityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with concat (include "wmc.volumeMounts.own" . | fromYamlArray) (default list .Values.volumeMounts) }}
volumeMounts:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "wmc.hooks" -}}
{{- $own := .Values.preStopHook.enabled | ternary (dict "preStop" (dict "exec" (dict "command" .Values.preStopHook.command))) dict -}}
{{- merge (dict) (default dict .Values.lifecycle) $own | toYaml -}}
{{- end -}}

{{/*
The heap's limit is a share of the limit that the container really has, whoever set it (nodejs.org/api/cli.html). It is an
argument, not NODE_OPTIONS, so that it does not hold for the hook's own process.
*/}}
{{- define "wmc.args" -}}
{{- with .Values.nodeHeapPercent }}
- --max-old-space-size-percentage={{ . }}
{{- end }}
{{- with .Values.nodeArgs }}
{{ toYaml . }}
{{- end }}
- dist/service/src/main.js
{{- end -}}

{{/* Each variable once: those of secretEnv and extraEnv replace the chart's (requirements.yaml says which may not). */}}
{{- define "wmc.env" -}}
{{- $more := list -}}
{{- range $name, $ref := .Values.secretEnv -}}
{{- $more = append $more (dict "name" $name "valueFrom" (dict "secretKeyRef" (pick $ref "name" "key"))) -}}
{{- end -}}
{{- range .Values.extraEnv }}{{ $more = append $more . }}{{ end -}}
{{- $names := list -}}
{{- range $more }}{{ $names = append $names .name }}{{ end -}}
{{- $kept := list -}}
{{- range include "wmc.env.own" . | fromYamlArray -}}
{{- if not (has .name $names) }}{{ $kept = append $kept . }}{{ end -}}
{{- end -}}
{{- concat $kept $more | toYaml -}}
{{- end -}}

{{- define "wmc.env.own" -}}
{{- $options := .Files.Get "files/options.yaml" | fromYaml -}}
{{- $caFile := empty .Values.store.redis.tls.caSecret | ternary "" "/etc/store/ca.crt" -}}
{{- $config := merge (dict "finalScrapeWaitSeconds" (include "wmc.finalScrapeWaitSeconds" .) "redisCaFile" $caFile) .Values.config -}}
- name: PORT
  value: {{ .Values.containerPorts.http | quote }}
- name: ADMIN_PORT
  value: {{ .Values.containerPorts.admin | quote }}
- name: METRICS_PORT
  value: {{ .Values.containerPorts.metrics | quote }}
{{- range $key, $name := $options.config }}
- name: {{ $name }}
  value: {{ include "wmc.plain" (get $config $key) | quote }}
{{- end }}
{{- include "wmc.env.loki" . }}
{{- include "wmc.env.store" . }}
{{- end -}}

{{/* A variable from a Secret. Call with (dict "name" "X" "secret" "x" "key" "y"). */}}
{{- define "wmc.secretVariable" }}
- name: {{ .name }}
  valueFrom:
    secretKeyRef:
      name: {{ .secret }}
      key: {{ .key }}
{{- end -}}

{{/* The chart's own volumes, and the mounts of them. The kubelet replaces the keys of a Secret while the pod runs. */}}
{{- define "wmc.volumes.own" -}}
{{- if eq (include "wmc.resumeToken.enabled" .) "true" -}}
- name: resume-token
  projected:
    sources:
      - secret:
          name: {{ include "wmc.resumeToken.secretName" . }}
          items:
            - {key: resume-token-key, path: resume-token-key}
      - secret:
          name: {{ include "wmc.resumeToken.secretName" . }}
          items:
            - {key: resume-token-previous-key, path: resume-token-previous-key}
          optional: true
{{- end }}
{{- with include "wmc.store.sources" . | fromYamlArray }}
- name: store
  projected:
    sources:
      {{- toYaml . | nindent 6 }}
{{- end }}
{{- end -}}

{{/* What the connection to the store reads from files. */}}
{{- define "wmc.store.sources" -}}
{{- $redis := .Values.store.redis -}}
{{- range $path, $ref := dict "password" $redis.passwordSecret "ca.crt" $redis.tls.caSecret }}
{{- with $ref }}
- secret:
    name: {{ .name }}
    items:
      - {key: {{ .key }}, path: {{ $path }}}
{{- end }}
{{- end }}
{{- with $redis.tls.clientSecret }}
- secret:
    name: {{ . }}
    items:
      - {key: tls.crt, path: tls.crt}
      - {key: tls.key, path: tls.key}
{{- end }}
{{- end -}}

{{- define "wmc.volumeMounts.own" -}}
{{- if eq (include "wmc.resumeToken.enabled" .) "true" -}}
- {name: resume-token, mountPath: /etc/resume-token, readOnly: true}
{{- end }}
{{- if include "wmc.store.sources" . | fromYamlArray }}
- {name: store, mountPath: /etc/store, readOnly: true}
{{- end }}
{{- end -}}

{{- define "wmc.env.loki" }}
{{- if eq (include "wmc.loki.shipped" .) "true" }}
- name: LOKI_ENABLED
  value: "true"
- name: LOKI_URL
  value: {{ include "wmc.loki.url" . | quote }}
{{- range $name, $field := dict "POD_NAME" "metadata.name" "POD_NAMESPACE" "metadata.namespace" "RELEASE_NAME" "metadata.labels['app.kubernetes.io/instance']" }}
- name: {{ $name }}
  valueFrom:
    fieldRef: {fieldPath: {{ $field | quote }}}
{{- end }}
{{- range $name, $ref := dict "LOKI_BEARER_TOKEN" .Values.loki.bearerTokenSecret "LOKI_PASSWORD" .Values.loki.passwordSecret }}
{{- if $ref }}
{{- include "wmc.secretVariable" (dict "name" $name "secret" $ref.name "key" $ref.key) }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Kubernetes expands no variable of the service's own: the stack's Redis has its password apart from its address. */}}
{{- define "wmc.env.store" }}
{{- $redis := .Values.store.redis }}
{{- if eq .Values.store.type "redis" }}
{{- if eq (include "wmc.stack.redis.enabled" .) "true" }}
- name: REDIS_URL
  value: redis://{{ include "wmc.fullname" . }}-redis:6379
{{- include "wmc.secretVariable" (dict "name" "REDIS_PASSWORD" "secret" (printf "%s-redis" (include "wmc.fullname" .)) "key" "password") }}
{{- else }}
{{- with $redis.urlSecret }}
{{- include "wmc.secretVariable" (dict "name" "REDIS_URL" "secret" .name "key" .key) }}
{{- else }}
- name: REDIS_URL
  value: {{ $redis.url | quote }}
{{- end }}
{{- if $redis.passwordSecret }}
- name: REDIS_PASSWORD_FILE
  value: /etc/store/password
{{- end }}
{{- if $redis.tls.clientSecret }}
- name: REDIS_CERT_FILE
  value: /etc/store/tls.crt
- name: REDIS_KEY_FILE
  value: /etc/store/tls.key
{{- end }}
{{- end }}
{{- end }}
{{- if eq (include "wmc.resumeToken.enabled" .) "true" }}
- name: RESUME_TOKEN_KEY_FILE
  value: /etc/resume-token/resume-token-key
- name: RESUME_TOKEN_PREVIOUS_KEY_FILE
  value: /etc/resume-token/resume-token-previous-key
{{- end }}
{{- end -}}

{{/*
Startup and liveness ask whether the process works, which it still does while it drains, so that neither can kill a draining
pod; readiness asks whether it should get new connections.
*/}}
{{- define "wmc.probes" }}
{{- $health := dict "httpGet" (dict "path" "/healthz/" "port" "http") }}
{{- $readiness := dict "httpGet" (dict "path" "/readyz/" "port" "http") }}
{{- $grace := dict "terminationGracePeriodSeconds" (include "wmc.livenessGraceSeconds" . | int) }}
startupProbe:
  {{- default (merge (dict) .Values.startupProbe $health) .Values.customStartupProbe | toYaml | nindent 2 }}
livenessProbe:
  {{- default (merge (dict) .Values.livenessProbe $health $grace) .Values.customLivenessProbe | toYaml | nindent 2 }}
readinessProbe:
  {{- default (merge (dict) .Values.readinessProbe $readiness) .Values.customReadinessProbe | toYaml | nindent 2 }}
{{- end -}}

{{/* Over nodes and zones, each ReplicaSet by itself, so that a rollout's new pods spread as well. */}}
{{- define "wmc.topologySpread" -}}
{{- if kindIs "slice" .Values.topologySpreadConstraints -}}
{{- with .Values.topologySpreadConstraints }}{{ toYaml . }}{{ end -}}
{{- else -}}
{{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
- topologyKey: {{ . }}
  maxSkew: 1
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels:
      {{- include "wmc.selectorLabels" (dict "root" $ "component" "service") | nindent 6 }}
  matchLabelKeys: [{{ $.Values.rollout.enabled | ternary "rollouts-pod-template-hash" "pod-template-hash" }}]
{{- end }}
{{- end -}}
{{- end -}}
