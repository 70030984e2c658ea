{{/*
Routes of the alerts, with the receivers whose addresses are there: an integration without one would only fail at every
notification. The texts hold templates of Alertmanager's own, so they are read as data and never by `tpl`.
*/}}

{{/* The keys that alertReceivers has, as YAML under `keys`. */}}
{{- define "wmc.receiverKeys" -}}
keys: {{ ternary .Values.alertReceivers.keys list (ne .Values.alertReceivers.secretName "") | toJson }}
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
{{- toYaml $config -}}
{{- end -}}

{{/* Spec of the AlertmanagerConfig. */}}
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
{{- toYaml $spec -}}
{{- end -}}
