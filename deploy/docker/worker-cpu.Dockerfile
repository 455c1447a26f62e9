# A worker that runs its models on the CPU: queues embed and reduce.
FROM python:3.13-slim-trixie AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY headcount headcount
COPY orchestrator orchestrator
COPY workers workers
RUN python -m venv /opt/headcount \
    && /opt/headcount/bin/pip install --no-cache-dir --no-compile '.[cpu]'

FROM python:3.13-slim-trixie
LABEL org.opencontainers.image.title="headcount-worker-cpu" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/headcount /opt/headcount
# Letters of the names that are drawn on photos.
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        fonts-dejavu-core fonts-noto-cjk fonts-noto-core libfribidi0 \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin headcount
ENV PATH=/opt/headcount/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HEADCOUNT_PROVIDER=cpu \
    HEADCOUNT_CACHE_DIR=/var/cache/headcount \
    HEADCOUNT_LOG_FORMAT=json \
    HEADCOUNT_METRICS_HOST=0.0.0.0
USER 10001:10001
EXPOSE 9109
STOPSIGNAL SIGTERM
ENTRYPOINT ["headcount"]
CMD ["worker", "--queues", "embed,reduce", "--metrics-port", "9109"]
