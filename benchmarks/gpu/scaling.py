"""Stage e: scaling a photo for the detector and cropping its faces, on the GPU and on the CPU.

On the GPU with PyTorch's operators, where it is there: the same halvings by area, the same bilinear
rest, the same alignment. Faces are made up, evenly laid over the photo.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.gpu.asked import Asked, photos_of
from benchmarks.gpu.budget import Deadline
from benchmarks.gpu.engine import MOST_PIXELS
from workers.faces.detection import Sizes
from workers.images.align import SIZE, TEMPLATE, crop_faces, similarity_transform
from workers.images.decode import decode

LONG_SIDES = (640, 1448)
"""What the profile balanced searches."""
FACES = (4, 2)
"""Made-up faces across and down."""
FACE_PART = 0.12
"""The side of a face's crop in parts of the photo's shorter side."""
MOST = 6
Floats = NDArray[np.float32]
Image = NDArray[np.uint8]


def measure(asked: Asked, deadline: Deadline, save: Callable[[dict[str, Any]], None]) -> Any:
    """Measure both ways at each size; a reason where PyTorch is not there."""
    figures: dict[str, Any] = {"rows": []}
    for size in asked.sizes:
        if not deadline.allows(3 * asked.cell):
            break
        images = [
            decode(photo.read_bytes(), max_pixels=MOST_PIXELS, min_long_side=0).image
            for photo in photos_of(asked, size)[:MOST]
        ]
        row: dict[str, Any] = {"megapixels": size, "faces": FACES[0] * FACES[1]}
        row["cpu_per_second"] = _rate(images, on_cpu, max(asked.threads), asked.cell)
        try:
            row |= beside(images, asked)
        except Exception as error:  # PyTorch is missing, or its device
            row |= {"gpu_per_second": None, "reason": f"{type(error).__name__}: {error}"[:300]}
        figures["rows"].append(row)
        save(figures)
    return figures


def beside(images: list[Image], asked: Asked) -> dict[str, Any]:
    """Measure the GPU, the upload counted, and compare its pixels with the CPU's."""
    import torch

    device = "cpu" if asked.provider == "cpu" else "cuda"
    work = partial(on_device, device=device)
    small, crops = on_cpu(images[0])
    other_small, other_crops = work(images[0])
    rate = _rate(images, work, 1, asked.cell)
    return {
        "gpu_per_second": rate,
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
        "scaled_apart": max(_apart(a, b) for a, b in zip(small, other_small, strict=True)),
        "crops_apart": _apart(crops, other_crops),
    }


def _rate(images: list[Image], work: Callable[[Image], Any], threads: int, seconds: float) -> float:
    """Photos per second of so many threads."""
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, images))
        began, done = time.perf_counter(), 0
        for start in itertools.count():
            batch = [images[(start + n) % len(images)] for n in range(threads)]
            list(pool.map(work, batch))
            done += threads
            if time.perf_counter() - began >= seconds:
                break
        return done / (time.perf_counter() - began)


def _apart(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Mean difference of pixels, in steps of 0 to 255."""
    return float(np.abs(one.astype(np.float32) - other.astype(np.float32)).mean())


def made_up_faces(height: int, width: int) -> Floats:
    """Landmarks (N x 5 x 2) of faces that look straight ahead, evenly laid."""
    side = FACE_PART * min(height, width)
    across, down = FACES
    corners = [
        ((x + 0.5) * width / across - side / 2, (y + 0.5) * height / down - side / 2)
        for x in range(across)
        for y in range(down)
    ]
    return np.stack(
        [TEMPLATE * (side / SIZE) + np.asarray(corner, np.float32) for corner in corners]
    )


def on_cpu(image: Image) -> tuple[list[Image], Image]:
    """Scale and crop a photo as a worker does."""
    sizes, longest = Sizes(image), max(image.shape[:2])
    small = [sizes.at(min(1.0, side / longest)) for side in LONG_SIDES]
    return small, crop_faces(image, made_up_faces(*image.shape[:2]))


def on_device(image: Image, device: str) -> tuple[list[Image], Image]:
    """Scale and crop by PyTorch, from the CPU's memory and back to it."""
    import torch

    pixels = torch.from_numpy(np.ascontiguousarray(image)).to(device)
    planes = pixels.permute(2, 0, 1)[None].float()
    small = [_scaled(planes, side) for side in LONG_SIDES]
    crops = _cropped(planes, made_up_faces(*image.shape[:2]))
    return [_image(each)[0] for each in small], _image(crops)


def _scaled(planes: Any, long_side: int) -> Any:
    """Scale planes: halved by area as often as that goes, the rest bilinear."""
    from torch.nn import functional

    height, width = planes.shape[2:]
    scale = min(1.0, long_side / max(height, width))
    size = round(height * scale), round(width * scale)
    while planes.shape[3] >= 2 * size[1]:
        planes = functional.avg_pool2d(planes, 2, ceil_mode=True, count_include_pad=False)
    return functional.interpolate(planes, size, mode="bilinear", align_corners=False)


def _cropped(planes: Any, landmarks: Floats) -> Any:
    """Aligned crops, N x 3 x 112 x 112, from the photo halved as the smallest face allows."""
    import torch
    from torch.nn import functional

    matrices = np.stack([similarity_transform(points) for points in landmarks])
    scale = float(np.sqrt(abs(np.linalg.det(matrices[0][:, :2]))))
    factor = 2 ** int(max(0.0, np.floor(-np.log2(scale))))
    if factor > 1:
        planes = functional.avg_pool2d(planes, factor)
    back = [np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))[:2] for matrix in matrices]
    at = np.stack(np.meshgrid(np.arange(SIZE), np.arange(SIZE)), axis=-1).reshape(-1, 2)
    places = np.stack([(at @ b[:, :2].T + b[:, 2] + 0.5) / factor - 0.5 for b in back])
    ends = np.array([planes.shape[3], planes.shape[2]])
    grid = ((2 * places + 1) / ends - 1).reshape(-1, SIZE, SIZE, 2).astype(np.float32)
    many = planes.expand(len(grid), -1, -1, -1)
    return functional.grid_sample(
        many, torch.from_numpy(grid).to(planes.device), mode="bilinear", align_corners=False
    )


def _image(planes: Any) -> Image:
    """Planes N x 3 x H x W as N images of bytes in the CPU's memory."""
    rounded = planes.clamp(0, 255).round().byte().permute(0, 2, 3, 1)
    return np.asarray(rounded.cpu().numpy(), np.uint8)
