#!/usr/bin/env bash
# onnxruntime: a misspelt option of a provider makes a session, on the CPU
#
# One would guess: an option that a provider does not know raises, as a session option or a wrong value
# does; or it is passed over, and the provider runs.
# Seen, in onnxruntime-openvino 1.24.1, which needs no GPU: the name `device_tipe` for `device_type`
# raises nothing. "EP Error" is printed to standard output, and the session is made anew on
# CPUExecutionProvider alone. (A wrong *value* of the same option raises.) onnxruntime-gpu 1.31.1 does the
# same with its CUDA provider, for names and for values: "Unknown provider option". Only `enable_fallback=0`, an argument
# that InferenceSession's documentation does not name, lets the error through.
# Why it matters for photo archives: one wrong letter in `cudnn_conv_algo_search`, and a job of a
# billion photos runs to its end ten times slower; in a worker nobody reads standard output.
set -euo pipefail
python="${PYTHON:-python3}"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

"$python" -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check --no-cache-dir \
  onnxruntime-openvino==1.24.1 numpy==2.4.6 onnx==1.23.2

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys

import onnxruntime
from onnx import TensorProto, helper

OPENVINO = "OpenVINOExecutionProvider"
row, twice = (helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", 3]) for n in ("row", "twice"))
graph = helper.make_graph([helper.make_node("Add", ["row", "row"], ["twice"])], "g", [row], [twice])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def runs_on(options, **arguments):
    told = [(OPENVINO, options)]
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=told, **arguments)
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[-80:]!r}"
    return session.get_providers()[0]


right = runs_on({"device_type": "CPU"})
wrong = runs_on({"device_tipe": "CPU"})
strict = runs_on({"device_tipe": "CPU"}, enable_fallback=0)
print("device_type: runs on", right)
print("device_tipe: runs on", wrong)
print("device_tipe, enable_fallback=0:", strict)
as_seen = right == OPENVINO and wrong == "CPUExecutionProvider" and "Provider" not in strict.split(":")[0]
sys.exit(0 if as_seen else 1)
PYTHON
