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
