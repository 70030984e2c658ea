{{/*
Routes of the alerts, with the receivers whose addresses are there: an integration without one would only fail at every
notification. The texts hold templates of Alertmanager's own, so they are read as data and never by `tpl`.
*/}}

{{/* The keys that alertReceivers has, as YAML under `keys`. */}}
{{- define "wmc.receiverKeys" -}}
keys: {{ .Values.alertReceivers.secretName | empty | ternary list .Values.alertReceivers.keys | toJson }}
{{- end -}}

{{/* Sets the waits of a list of routes, by their receivers: a dict with root, routes, and the names of the three fields. */}}
{{- define "wmc.setTimings" -}}
{{- $timings := .root.Values.alertRouting -}}
{{- range $route := .routes -}}
{{- $own := get $timings $route.receiver -}}
{{- $_ := set $route $.groupInterval $timings.groupInterval -}}
{{- $_ := set $route $.groupWait $own.groupWait -}}
{{- $_ := set $route $.repeatInterval $own.repeatInterval -}}
{{- end -}}
{{- end -}}

{{/* alertmanager.yml of the stack's Alertmanager. */}}
{{- define "wmc.stack.alertmanager.config" -}}
{{- $keys := (include "wmc.receiverKeys" . | fromYaml).keys -}}
{{- $config := .Files.Get "files/alertmanager.yaml" | fromYaml -}}
{{- range $receiver := $config.receivers -}}
{{- range $list, $file := dict "webhook_configs" "url_file" "slack_configs" "api_url_file" -}}
{{- $kept := list -}}
{{- $integrations := hasKey $receiver $list | ternary (get $receiver $list) list -}}
{{- range $integrations -}}
{{- if has (base (get . $file)) $keys }}{{ $kept = append $kept . }}{{ end -}}
{{- end -}}
{{- if $kept }}{{ $_ := set $receiver $list $kept }}{{ else }}{{ $_ := unset $receiver $list }}{{ end -}}
{{- end -}}
{{- end -}}
{{- $ours := first $config.route.routes -}}
{{- $more := default list .Values.prometheusRule.additionalAggregationLabels -}}
{{- $_ := set $ours "group_by" (concat $ours.group_by $more) -}}
{{- range $config.inhibit_rules }}{{ $_ := set . "equal" (concat .equal $more) }}{{ end -}}
{{- include "wmc.setTimings" (dict "root" $ "routes" (prepend $ours.routes $ours) "groupInterval" "group_interval" "groupWait" "group_wait" "repeatInterval" "repeat_interval") -}}
{{- toYaml $config -}}
{{- end -}}

{{/*
Spec of the AlertmanagerConfig. The operator asks every AlertmanagerConfig of a namespace for each of its alerts, so the route
takes those of this instance alone: another release there has its own, as has another alias of the chart in this release.
*/}}
{{- define "wmc.alertmanagerConfig.spec" -}}
{{- $keys := (include "wmc.receiverKeys" . | fromYaml).keys -}}
{{- $spec := (.Files.Get "files/alertmanagerconfig.yaml" | fromYaml).spec -}}
{{- range $receiver := $spec.receivers -}}
{{- range $list, $field := dict "webhookConfigs" "urlSecret" "slackConfigs" "apiURL" -}}
{{- $kept := list -}}
{{- $integrations := hasKey $receiver $list | ternary (get $receiver $list) list -}}
{{- range $integrations -}}
{{- $secret := get . $field -}}
{{- if has $secret.key $keys }}{{ $kept = append $kept (set . $field (dict "name" $.Values.alertReceivers.secretName "key" $secret.key)) }}{{ end -}}
{{- end -}}
{{- if $kept }}{{ $_ := set $receiver $list $kept }}{{ else }}{{ $_ := unset $receiver $list }}{{ end -}}
{{- end -}}
{{- end -}}
{{- $more := default list .Values.prometheusRule.additionalAggregationLabels -}}
{{- range prepend $spec.route.routes $spec.route }}{{ $_ := set . "groupBy" (concat .groupBy $more) }}{{ end -}}
{{- range $spec.inhibitRules }}{{ $_ := set . "equal" (concat .equal $more) }}{{ end -}}
{{- range $name, $value := dict "release" .Release.Name "job" (include "wmc.name" .) -}}
{{- $_ := set $spec.route "matchers" (append $spec.route.matchers (dict "name" $name "matchType" "=" "value" $value)) -}}
{{- end -}}
{{- include "wmc.setTimings" (dict "root" $ "routes" (prepend $spec.route.routes $spec.route) "groupInterval" "groupInterval" "groupWait" "groupWait" "repeatInterval" "repeatInterval") -}}
{{- toYaml $spec -}}
{{- end -}}
