"""Small pictures and what Pillow makes of them: tests/golden/images/.

Pixel (x, y, channel c) of every 16 × 16 picture is (31 x + 17 y + 53 c + 7 x y) mod 256 (alpha: x > 7 opaque, else
transparent), which the test computes too; `resized.safetensors` holds what Pillow's resize makes of a smooth picture and of
a pattern 61 × 37, all edges. That one is wider than high: Pillow 13 resizes others down first, where 11 and we go across first.
"""
import pathlib

import numpy as np
from PIL import Image
from safetensors.numpy import save_file

FOLDER = pathlib.Path(__file__).parent.parent / "tests" / "golden" / "images"


def pattern(width, height, channels):
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(channels), indexing="ij")
    return ((31 * x + 17 * y + 53 * c + 7 * x * y) % 256).astype(np.uint8)


def smooth(width, height):
    y, x = np.meshgrid(np.arange(height) / height, np.arange(width) / width, indexing="ij")
    planes = [np.sin(7 * x + 3 * y), np.cos(5 * x * y + 2), np.sin(9 * y) * np.cos(4 * x)]
    return np.round(127.5 + 120 * np.stack(planes, -1)).astype(np.uint8)


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    rgb = pattern(16, 16, 3)
    Image.fromarray(rgb).save(FOLDER / "rgb.png")
    Image.fromarray(rgb).save(FOLDER / "rgb.webp", lossless=True)
    Image.fromarray(rgb).save(FOLDER / "rgb.tiff")
    Image.fromarray(rgb[:, :, 0]).save(FOLDER / "grey.png")
    Image.fromarray(rgb[:, :, 0]).save(FOLDER / "grey.gif")
    alpha = np.where(np.arange(16)[None, :, None] > 7, 255, 0).astype(np.uint8).repeat(16, 0)
    Image.fromarray(np.concatenate([rgb, alpha], -1)).save(FOLDER / "alpha.png")
    Image.fromarray(np.concatenate([rgb, alpha], -1)).save(FOLDER / "alpha.webp", lossless=True, exact=True)
    long = Image.new("L", (70001, 2))
    long.paste(200, (0, 0, 35000, 2))
    long.save(FOLDER / "long.png", optimize=True)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    Image.fromarray(smooth(48, 32)).save(FOLDER / "turned.jpg", quality=95, subsampling=0, exif=exif)
    Image.fromarray(smooth(48, 32)).save(FOLDER / "turned.webp", lossless=True, exif=exif)
    Image.fromarray(smooth(48, 32)).convert("CMYK").save(FOLDER / "cmyk.jpg", quality=95)
    Image.fromarray(smooth(48, 32)).save(FOLDER / "smooth.png")
    resized = {
        "smooth_16": Image.fromarray(smooth(48, 32)).resize((16, 16), Image.LANCZOS),
        "smooth_64": Image.fromarray(smooth(48, 32)).resize((64, 64), Image.LANCZOS),
        "smooth_40": Image.fromarray(smooth(48, 32)).resize((40, 40), Image.LANCZOS),
        "turned_16": Image.fromarray(np.rot90(smooth(48, 32), -1).copy()).resize((16, 16), Image.LANCZOS),
    }
    edges = Image.fromarray(pattern(61, 37, 3))
    for size in (1, 7, 16, 41, 80):
        resized[f"sharp_{size}"] = edges.resize((size, size), Image.LANCZOS)
        resized[f"bicubic_{size}"] = edges.resize((size, size), Image.BICUBIC)
    save_file({name: np.asarray(image) for name, image in resized.items()}, FOLDER / "resized.safetensors")


if __name__ == "__main__":
    main()
