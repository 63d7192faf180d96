"""The landing page's and the README's pictures: figures of the chapters, as they stand in their outputs."""

import base64
import io

import nbformat
from PIL import Image, ImageOps

from chapters import ROOT, chapter_paths

THUMBNAIL, HERO, README = (640, 400), (1200, 600), (880, 440)
PICTURES = {
    "thumb-1.webp": (THUMBNAIL, ["fig-random-codes"]),
    "thumb-2.webp": (THUMBNAIL, ["fig-vi-two-modes"]),
    "thumb-3.webp": (THUMBNAIL, ["fig-elbo-climb"]),
    "thumb-4.webp": (THUMBNAIL, ["fig-variance"]),
    "thumb-5.webp": (THUMBNAIL, ["fig-vae-manifold"]),
    "thumb-6.webp": (THUMBNAIL, ["fig-ev-worlds"]),
    "thumb-7.webp": (THUMBNAIL, ["fig-ad-kinds"]),
    "thumb-8.webp": (THUMBNAIL, ["fig-ac-kinds"]),
    "thumb-9.webp": (THUMBNAIL, ["fig-mv-halves"]),
    "hero.webp": (HERO, ["fig-vae-plane", "fig-vae-manifold"]),
    "vae.png": (README, ["fig-vae-plane", "fig-vae-manifold"]),
}


def figures():
    """Every named figure of the chapters, by name."""
    found = {}
    for path in chapter_paths():
        for cell in nbformat.read(path, as_version=4).cells:
            name = cell.metadata.get("mystnb", {}).get("figure", {}).get("name")
            for output in cell.get("outputs", []):
                if name and "image/png" in output.get("data", {}):
                    data = base64.b64decode(output.data["image/png"])
                    found[name] = Image.open(io.BytesIO(data)).convert("RGB")
    return found


def side_by_side(panels, size):
    """Pictures next to each other on white, each as large as its share of the width allows."""
    share = (size[0] // len(panels), size[1])
    canvas = Image.new("RGB", size, "white")
    for index, panel in enumerate(panels):
        canvas.paste(ImageOps.pad(panel, share, Image.Resampling.LANCZOS, "white"), (index * share[0], 0))
    return canvas


def write_pictures(folder=ROOT / "book" / "_static"):
    """Write each picture, in as few bytes as its format allows."""
    available = figures()
    for name, (size, names) in PICTURES.items():
        picture = side_by_side([available[figure] for figure in names], size)
        if name.endswith(".png"):
            picture = picture.quantize(128, dither=Image.Dither.NONE)
        picture.save(folder / name, optimize=True, quality=80)


if __name__ == "__main__":
    write_pictures()
