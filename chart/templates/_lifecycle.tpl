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
{{- if or (eq (include "wmc.serviceMonitor.enabled" .) "true") (eq (include "wmc.stack.prometheus.enabled" .) "true") -}}
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
{{- $live := lookup "apps/v1" "Deployment" .Release.Namespace (include "wmc.fullname" .) -}}
{{- dig "spec" "replicas" .Values.autoscaling.minReplicas $live | int -}}
{{- else -}}
{{- .Values.replicaCount -}}
{{- end -}}
{{- end -}}

{{/* Whether there may be more than one pod. */}}
{{- define "wmc.severalPods" -}}
{{- if or (kindIs "invalid" .Values.replicaCount) (gt (int (.Values.autoscaling.enabled | ternary .Values.autoscaling.maxReplicas .Values.replicaCount)) 1) }}true{{ end -}}
{{- end -}}
