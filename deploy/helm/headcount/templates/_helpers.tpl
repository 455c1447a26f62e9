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

{{- /* mounts of a container: dict "root" $ "part" (its values) */ -}}
{{- define "headcount.mounts" -}}
- {name: cache, mountPath: /var/cache/headcount}
- {name: tmp, mountPath: /tmp}
{{- if .root.Values.existingCASecret }}
- {name: ca, mountPath: /etc/headcount/ca, readOnly: true}
{{- end }}
{{- with .part.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* volumes of a pod: dict "root" $ "part" (its values) "cacheSize" "4Gi" */ -}}
{{- define "headcount.volumes" -}}
{{- with .part.cacheClaim }}
- {name: cache, persistentVolumeClaim: {claimName: {{ . }}}}
{{- else }}
- {name: cache, emptyDir: {sizeLimit: {{ .cacheSize }}}}
{{- end }}
- {name: tmp, emptyDir: {sizeLimit: {{ .cacheSize }}}}
{{- with .root.Values.existingCASecret }}
- {name: ca, secret: {secretName: {{ . }}}}
{{- end }}
{{- with .part.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* where a pod runs, and how: dict "root" $ "part" (its values) "component" "embed" */ -}}
{{- define "headcount.placement" -}}
{{- $own := merge (include "headcount.selector" .root | fromYaml) (dict "app.kubernetes.io/component" .component) }}
{{- with .part.runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- with .part.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .part.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .part.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .part.affinity }}
affinity: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .part.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- range . }}
  - {{- merge (deepCopy .) (dict "labelSelector" (dict "matchLabels" $own)) | toYaml | nindent 4 }}
  {{- end }}
{{- end }}
{{- end }}

{{- /* Annotations of pods. A new secret begins new pods; where Helm cannot look at the cluster
(`helm template`, as in Argo CD), the checksum is that of nothing, and stays. */ -}}
{{- define "headcount.podAnnotations" -}}
{{- $secret := lookup "v1" "Secret" .Release.Namespace .Values.existingSecret | default dict -}}
checksum/secret: {{ get $secret "data" | toJson | sha256sum }}
{{- with .Values.podAnnotations }}
{{ toYaml . }}
{{- end }}
{{- end }}
