{{/* The sums of times that the life of a pod is made of. All are seconds. */}}

{{/* The scrape interval in seconds. */}}
{{- define "wmc.scrapeIntervalSeconds" -}}
{{- $interval := .Values.metrics.scrapeInterval -}}
{{- mul (regexFind "[0-9]+" $interval | int64) (hasSuffix "m" $interval | ternary 60 1) -}}
{{- end -}}

{{/*
Wait of a drained pod for its last scrape: as told, or else one interval and a margin where this release brings what scrapes
it. Where nothing does, waiting would only slow rollouts down.
*/}}
{{- define "wmc.finalScrapeWaitSeconds" -}}
{{- if kindIs "invalid" .Values.config.finalScrapeWaitSeconds -}}
{{- if or (eq (include "wmc.monitor.enabled" .) "true") (eq (include "wmc.stack.prometheus.enabled" .) "true") -}}
{{- include "wmc.plain" (addf (include "wmc.scrapeIntervalSeconds" . | float64) .Values.metrics.scrapeMarginSeconds) -}}
{{- else -}}
0
{{- end -}}
{{- else -}}
{{- include "wmc.plain" .Values.config.finalScrapeWaitSeconds -}}
{{- end -}}
{{- end -}}

{{/*
Least terminationGracePeriodSeconds: the hook's time counts inside the grace period (Kubernetes documentation, "Container
hooks"), and so does all that comes after SIGTERM.
*/}}
{{- define "wmc.leastGraceSeconds" -}}
{{- $config := .Values.config -}}
{{- $hook := .Values.preStopHook.enabled | ternary $config.prestopMaxSeconds 0 -}}
{{- $logs := eq (include "wmc.loki.shipped" .) "true" | ternary $config.lokiFlushSeconds 0 -}}
{{- addf $hook $config.drainTimeoutSeconds $logs (include "wmc.finalScrapeWaitSeconds" . | float64) .Values.terminationMarginSeconds | ceil | int64 -}}
{{- end -}}

{{/* The same sum in words. */}}
{{- define "wmc.leastGraceSum" -}}
{{- $config := .Values.config -}}
{{- if .Values.preStopHook.enabled }}{{ include "wmc.plain" $config.prestopMaxSeconds }} s hook + {{ end -}}
{{- include "wmc.plain" $config.drainTimeoutSeconds }} s drain
{{- if eq (include "wmc.loki.shipped" .) "true" }} + {{ include "wmc.plain" $config.lokiFlushSeconds }} s last log lines{{ end -}}
{{- with include "wmc.finalScrapeWaitSeconds" . }}{{ if ne . "0" }} + {{ . }} s last scrape{{ end }}{{ end }} + {{ include "wmc.plain" .Values.terminationMarginSeconds }} s margin
{{- end -}}

{{- define "wmc.graceSeconds" -}}
{{- default (include "wmc.leastGraceSeconds" .) .Values.terminationGracePeriodSeconds | int64 -}}
{{- end -}}

{{/*
Grace of a container that liveness gave up: its loop is stuck, so the hook is not worth its whole bound, but one that only
reported itself broken still gets to drain.
*/}}
{{- define "wmc.livenessGraceSeconds" -}}
{{- $config := .Values.config -}}
{{- $sum := addf $config.prestopMinSeconds $config.drainTimeoutSeconds .Values.terminationMarginSeconds | ceil | int64 -}}
{{- min $sum (include "wmc.graceSeconds" . | int64) -}}
{{- end -}}

{{/*
Number of pods to write: with an autoscaler the number that is there, so that an upgrade does not change what was scaled, and
its minimum at the installation; nothing if something else scales.
*/}}
{{- define "wmc.replicas" -}}
{{- if kindIs "invalid" .Values.replicaCount -}}
{{- else if .Values.autoscaling.enabled -}}
{{- $workload := include "wmc.workload" . | fromYaml -}}
{{- $live := lookup $workload.apiVersion $workload.kind (include "wmc.namespace" .) (include "wmc.fullname" .) -}}
{{- dig "spec" "replicas" .Values.autoscaling.minReplicas $live | int -}}
{{- else -}}
{{- .Values.replicaCount -}}
{{- end -}}
{{- end -}}

{{/* What makes the pods. */}}
{{- define "wmc.workload" -}}
{{- if .Values.rollout.enabled -}}
apiVersion: argoproj.io/v1alpha1
kind: Rollout
{{- else -}}
apiVersion: apps/v1
kind: Deployment
{{- end -}}
{{- end -}}

{{/* How pods are replaced. */}}
{{- define "wmc.strategy" -}}
{{- $update := .Values.updateStrategy -}}
{{- if .Values.rollout.enabled -}}
canary:
  {{- pick $update "maxSurge" "maxUnavailable" | toYaml | nindent 2 }}
  steps:
    {{- toYaml .Values.rollout.steps | nindent 4 }}
  {{- if .Values.rollout.analysis.enabled }}
  analysis:
    templates:
      - templateName: {{ include "wmc.fullname" . }}
    args:
      - name: canary-hash
        valueFrom: {podTemplateHashValue: Latest}
  {{- end }}
{{- else if eq $update.type "Recreate" -}}
type: Recreate
{{- else -}}
type: RollingUpdate
rollingUpdate:
  {{- pick $update "maxSurge" "maxUnavailable" | toYaml | nindent 2 }}
{{- end -}}
{{- end -}}

{{/* How often a rollout of a number of pods waits for new ones to be ready. Call with (dict "root" $ "pods" 3). */}}
{{- define "wmc.rolloutRounds" -}}
{{- $update := .root.Values.updateStrategy -}}
{{- $part := dict -}}
{{- range $key := list "maxSurge" "maxUnavailable" -}}
{{- $value := get $update $key | toString -}}
{{- $number := trimSuffix "%" $value | float64 -}}
{{- if hasSuffix "%" $value }}{{ $number = divf (mulf $number $.pods) 100 }}{{ end -}}
{{- $_ := set $part $key $number -}}
{{- end -}}
{{- $at := max 1 (add (ceil $part.maxSurge | int) (floor $part.maxUnavailable | int)) -}}
{{- divf .pods $at | ceil | int -}}
{{- end -}}

{{/* Rates of an autoscaler: down by one pod at a time, since each closes its clients' connections, which then come back to the others. */}}
{{- define "wmc.scalingBehavior" -}}
{{- $autoscaling := .Values.autoscaling -}}
{{- $up := dict "stabilizationWindowSeconds" 0 "policies" (list (dict "type" "Percent" "value" 100 "periodSeconds" 30)) -}}
{{- $down := dict
  "stabilizationWindowSeconds" $autoscaling.scaleDownStabilizationSeconds
  "policies" (list (dict "type" "Pods" "value" 1 "periodSeconds" $autoscaling.scaleDownPeriodSeconds)) -}}
{{- merge (deepCopy (default dict $autoscaling.behavior)) (dict "scaleUp" $up "scaleDown" $down) | toYaml -}}
{{- end -}}

{{/* Whether there may be more than one pod. */}}
{{- define "wmc.severalPods" -}}
{{- if or (kindIs "invalid" .Values.replicaCount) (gt (int (.Values.autoscaling.enabled | ternary .Values.autoscaling.maxReplicas .Values.replicaCount)) 1) }}true{{ end -}}
{{- end -}}
