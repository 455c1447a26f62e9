#!/usr/bin/env bash
# onnxruntime-gpu[cuda] brings no cuBLAS, without which its CUDA provider does not load
#
# One would guess: `pip install onnxruntime-gpu[cuda]` brings the CUDA libraries that the CUDA provider
# is linked to, and `[cudnn]` only adds cuDNN.
# Seen, in onnxruntime-gpu 1.31.1 (CUDA 13, Linux): the extra `cuda` brings NVRTC, the
# runtime, cuFFT and cuRAND. libonnxruntime_providers_cuda.so is linked to libcublas.so.13 and
# libcublasLt.so.13, which nothing of the extra brings; they come with `cudnn` alone, as a dependency of
# nvidia-cudnn-cu13. To cuFFT, which it brings, the provider is not linked.
# Why it matters for photo archives: the provider is then listed as available, the session is made, and
# runs on the CPU, ten times slower: a line on standard error says why.
#
# Needs no GPU: libraries are read and looked for, nothing is computed. Downloads 0.6 GB.
set -euo pipefail
python="${PYTHON:-python3}"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

"$python" -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check --no-cache-dir \
  'onnxruntime-gpu[cuda]==1.31.1' numpy==2.4.6 nvidia-cuda-nvrtc==13.5.37 \
  nvidia-cuda-runtime==13.5.37 nvidia-cufft==12.5.0.14 nvidia-curand==10.4.5.25 pyelftools==0.32

"$work/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import distributions
from pathlib import Path

import onnxruntime
from elftools.elf.elffile import ELFFile

library = Path(onnxruntime.__file__).parent / "capi" / "libonnxruntime_providers_cuda.so"
with library.open("rb") as file:
    tags = ELFFile(file).get_section_by_name(".dynamic").iter_tags("DT_NEEDED")
    linked = sorted(tag.needed for tag in tags if tag.needed.startswith("libcu"))
brought = {file.name for d in distributions() for file in d.files or () if ".so" in file.name}
missing = [name for name in linked if name not in brought | {"libcuda.so.1"}]
print("onnxruntime-gpu", onnxruntime.__version__, "lists", onnxruntime.get_available_providers()[:2])
print("its CUDA provider is linked to", ", ".join(linked))
print("onnxruntime-gpu[cuda] brings all but the driver's libcuda.so.1 and", ", ".join(missing))
print("it brings, and the provider is not linked to it:",
      ", ".join(sorted(n for n in brought if n.startswith("libcufft.") and n not in linked)))
sys.exit(0 if missing == ["libcublas.so.13", "libcublasLt.so.13"] else 1)
PYTHON
