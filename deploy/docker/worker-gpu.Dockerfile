# A worker that runs its models on a GPU: queue embed. CUDA 13 and cuDNN 9, for which
# onnxruntime-gpu is built, come with the base image; TensorRT does not.
FROM nvidia/cuda:13.0.2-cudnn-runtime-ubuntu24.04 AS base
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3 \
        fonts-dejavu-core fonts-noto-cjk fonts-noto-core libfribidi0 \
    && rm -rf /var/lib/apt/lists/*

FROM base AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3-venv \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY headcount headcount
COPY orchestrator orchestrator
COPY workers workers
RUN python3 -m venv /opt/headcount \
    && /opt/headcount/bin/pip install --no-cache-dir --no-compile '.[gpu]'

FROM base
LABEL org.opencontainers.image.title="headcount-worker-gpu" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/headcount /opt/headcount
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin headcount
# A GPU that is not there is an error, never a silent run on the CPU.
ENV PATH=/opt/headcount/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HEADCOUNT_PROVIDER=cuda \
    HEADCOUNT_CACHE_DIR=/var/cache/headcount \
    HEADCOUNT_LOG_FORMAT=json \
    HEADCOUNT_METRICS_HOST=0.0.0.0
USER 10001:10001
EXPOSE 9109
STOPSIGNAL SIGTERM
ENTRYPOINT ["headcount"]
CMD ["worker", "--queues", "embed", "--metrics-port", "9109"]
