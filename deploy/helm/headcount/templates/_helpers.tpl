{{- define "headcount.name" -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end }}

{{- define "headcount.selector" -}}
app.kubernetes.io/name: headcount
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "headcount.labels" -}}
{{ include "headcount.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "headcount.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "headcount.name" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end }}

{{- /* image of one program: dict "root" $ "program" "orchestrator" */ -}}
{{- define "headcount.image" -}}
{{- $values := .root.Values.image -}}
{{- with $values.registry }}{{ . | trimSuffix "/" }}/{{ end -}}
headcount-{{ .program }}:{{ $values.tag | default .root.Chart.AppVersion }}
{{- end }}

{{- define "headcount.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "headcount.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "headcount.env" -}}
- {name: HEADCOUNT_ARCHIVE, value: {{ .Values.archive | quote }}}
- {name: HEADCOUNT_MODEL, value: {{ .Values.model | quote }}}
- {name: HEADCOUNT_LOG_LEVEL, value: {{ .Values.logLevel | quote }}}
- {name: AWS_REGION, value: {{ .Values.s3.region | quote }}}
{{- with .Values.s3.endpoint }}
- {name: AWS_ENDPOINT_URL_S3, value: {{ . | quote }}}
{{- end }}
{{- with .Values.s3.sse }}
- {name: HEADCOUNT_S3_SSE, value: {{ . | quote }}}
{{- end }}
{{- with .Values.s3.sseKmsKey }}
- {name: HEADCOUNT_S3_SSE_KMS_KEY, value: {{ . | quote }}}
{{- end }}
{{- with .Values.allowedUris }}
- {name: HEADCOUNT_ALLOWED_URIS, value: {{ join "," . | quote }}}
{{- end }}
{{- with .Values.acceptLicences }}
- {name: HEADCOUNT_ACCEPT_LICENCES, value: {{ join "," . | quote }}}
{{- end }}
{{- if .Values.existingCASecret }}
- {name: SSL_CERT_FILE, value: /etc/headcount/ca/ca.crt}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* the ports that pods may go to, as JSON: those of the values, and the store's own */ -}}
{{- define "headcount.egressPorts" -}}
{{- $ports := list -}}
{{- range .Values.networkPolicy.egressPorts }}{{ $ports = append $ports (int .) }}{{ end -}}
{{- with .Values.s3.endpoint -}}
{{- $url := urlParse . -}}
{{- $usual := ternary "443" "80" (eq $url.scheme "https") -}}
{{- $port := regexFind ":[0-9]+$" $url.host | trimPrefix ":" | default $usual -}}
{{- $ports = append $ports (int $port) -}}
{{- end -}}
{{- $ports | uniq | toJson -}}
{{- end }}

{{- define "headcount.mounts" -}}
- {name: cache, mountPath: /var/cache/headcount}
- {name: tmp, mountPath: /tmp}
{{- if .Values.existingCASecret }}
- {name: ca, mountPath: /etc/headcount/ca, readOnly: true}
{{- end }}
{{- end }}

{{- /* volumes: dict "root" $ "cacheSize" "4Gi" */ -}}
{{- define "headcount.volumes" -}}
- {name: cache, emptyDir: {sizeLimit: {{ .cacheSize }}}}
- {name: tmp, emptyDir: {sizeLimit: {{ .cacheSize }}}}
{{- with .root.Values.existingCASecret }}
- {name: ca, secret: {secretName: {{ . }}}}
{{- end }}
{{- end }}
