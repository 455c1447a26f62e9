"""Memory of GPUs, as a library with NVML's functions tells it; none where there is no driver."""

import shutil
import subprocess
from pathlib import Path

import pytest

from headcount.telemetry.collectors import CardMemory
from workers.runtime.gpu import cards

NVML = """
typedef struct { unsigned long long total, free, used; } memory_t;
int nvmlInit_v2(void) { return INIT; }
int nvmlDeviceGetCount_v2(unsigned *count) { *count = 3; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device) {
    *device = (void *)(0x7f0000000000ull + index); return 0;
}
int nvmlDeviceGetMemoryInfo(void *device, memory_t *memory) {
    unsigned long long index = (unsigned long long)device - 0x7f0000000000ull;
    if (index == 1) return 4;  /* NVML_ERROR_NO_PERMISSION, as of a card that is cut in slices */
    memory->total = 80ull << 30; memory->free = 1; memory->used = (7ull << 30) + index; return 0;
}
"""


def library(folder: Path, init: int) -> str:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler")
    source, built = folder / "nvml.c", folder / f"libnvml-{init}.so"
    source.write_text(NVML)
    options = ["-shared", "-fPIC", f"-DINIT={init}", "-o", str(built)]
    subprocess.run([compiler, *options, str(source)], check=True)
    return str(built)


def test_each_card_that_tells_its_memory_is_shown(tmp_path: Path) -> None:
    total, used = 80 << 30, 7 << 30
    assert list(cards(library(tmp_path, 0))) == [
        CardMemory("0", used, total),
        CardMemory("2", used + 2, total),
    ]


def test_a_machine_without_a_gpu_has_none(tmp_path: Path) -> None:
    assert list(cards("libno-such-driver.so.1")) == []
    assert list(cards(library(tmp_path, 9))) == []  # NVML_ERROR_DRIVER_NOT_LOADED
