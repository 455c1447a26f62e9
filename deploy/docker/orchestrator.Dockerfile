# The control side: plan, submit, supervise, schedule. No machine learning library is in it.
FROM python:3.13-slim-trixie AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY headcount headcount
COPY orchestrator orchestrator
COPY workers workers
RUN python -m venv /opt/headcount \
    && /opt/headcount/bin/pip install --no-cache-dir --no-compile . \
    && rm -rf /opt/headcount/lib/python3.13/site-packages/workers

FROM python:3.13-slim-trixie
LABEL org.opencontainers.image.title="headcount-orchestrator" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/headcount /opt/headcount
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin headcount
ENV PATH=/opt/headcount/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HEADCOUNT_CACHE_DIR=/var/cache/headcount \
    HEADCOUNT_LOG_FORMAT=json \
    HEADCOUNT_METRICS_HOST=0.0.0.0
USER 10001:10001
EXPOSE 9108 9110
ENTRYPOINT ["headcount"]
CMD ["supervise", "--metrics-port", "9108"]
