"""Golden values for src/media: Pillow's bicubic resize, Gemma 4's resize rule and its log-mel front end.

Run from the root: python test/golden/media/make.py  (needs numpy, pillow, torch, transformers)
"""

import base64
import json
from pathlib import Path

import numpy as np
from PIL import Image
from transformers.models.gemma4.feature_extraction_gemma4 import Gemma4AudioFeatureExtractor
from transformers.models.gemma4.image_processing_pil_gemma4 import get_aspect_ratio_preserving_size


def text(array):
    return base64.b64encode(array.tobytes()).decode()


def picture(width, height):
    """Smooth colours with a hard pattern on top; media.test.ts makes the same."""
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(3), indexing="ij")
    return ((x * x * (3 + c) + y * 29 + (x ^ y) * 16) % 256).astype(np.uint8)


def sound(count):
    """A sweep and an impulse, in float32."""
    n = np.arange(count, dtype=np.float64)
    samples = 0.4 * np.sin(n * n * 1e-4) + 0.2 * np.sin(n * 0.17)
    samples[count // 2] += 0.4
    return samples.astype(np.float32)


def resize_cases():
    for width, height, to_width, to_height in [(23, 17, 48, 32), (23, 17, 9, 7), (40, 5, 13, 11), (1, 1, 3, 2), (64, 48, 8, 8)]:
        image = Image.fromarray(picture(width, height)).resize((to_width, to_height), Image.BICUBIC)
        yield dict(width=width, height=height, toWidth=to_width, toHeight=to_height, data=text(np.asarray(image)))


def budget_cases():
    sizes = [(640, 480), (480, 640), (48, 48), (1, 1), (3000, 10), (10, 3000), (1920, 1080), (333, 77), (100000, 1), (1, 5000)]
    for width, height in sizes:
        for patch, pooling, tokens in [(16, 3, 70), (16, 3, 280), (16, 3, 1120), (8, 1, 16), (8, 2, 5)]:
            to_height, to_width = get_aspect_ratio_preserving_size(height, width, patch, tokens * pooling**2, pooling)
            yield [width, height, patch, pooling, tokens, to_width, to_height]


def spectrum_cases():
    for mels, count in [(128, 1000), (40, 1601), (128, 160)]:
        extractor = Gemma4AudioFeatureExtractor(feature_size=mels)
        samples = sound(count)
        spectrum, _ = extractor._extract_spectrogram(samples, np.ones(count, dtype=np.int64))
        yield dict(mels=mels, count=count, hops=len(spectrum), spectrum=text(spectrum.astype(np.float32)))


here = Path(__file__).parent
cases = dict(resize=list(resize_cases()), budget=list(budget_cases()), spectrum=list(spectrum_cases()))
(here / "media.json").write_text(json.dumps(cases) + "\n")
