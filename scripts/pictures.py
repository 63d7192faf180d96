"""The landing page's and the README's pictures: figures of the chapters, as they stand in their outputs."""

import base64
import io

import nbformat
import numpy as np
from PIL import Image, ImageOps

from chapters import ROOT, chapter_paths

THUMBNAIL, PLANE, README = (640, 400), (540, 568), (880, 440)
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
    "thumb-10.webp": (THUMBNAIL, ["fig-va-conditional"]),
    "thumb-11.webp": (THUMBNAIL, ["fig-sc-shuffle"]),
    "thumb-12.webp": (THUMBNAIL, ["fig-fg-ward"]),
    "thumb-13.webp": (THUMBNAIL, ["fig-ap-sensor"]),
    "plane.webp": (PLANE, ["fig-vae-plane"]),
    "vae.png": (README, ["fig-vae-plane", "fig-vae-manifold"]),
}

# Where the figure of the five kinds of damage has its images, in its own pixels.
KINDS = "fig-ac-kinds"
KINDS_SIZE, KINDS_CORNER, KINDS_STEP, KINDS_IMAGE = (604, 619), (93.7, 49.5), (102.2, 93.4), 91.2
KINDS_ROWS = {"as it came": 0, "correct": 3, "its mask": 4}
SHOWN_KINDS = {"30 % noise": 1, "two lines": 4}
CELLS = 28


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


def cells_of(figure, row, column):
    """The cells of one image in the figure of the kinds of damage: ink from 0 to 1, (28, 28)."""
    if figure.size != KINDS_SIZE:
        raise ValueError(f"{KINDS} is now {figure.size}: measure again where its images are")
    offset = (np.arange(CELLS) + 0.5) * KINDS_IMAGE / CELLS
    x = (KINDS_CORNER[0] + column * KINDS_STEP[0] + offset).astype(int)
    y = (KINDS_CORNER[1] + row * KINDS_STEP[1] + offset).astype(int)
    return 1 - np.asarray(figure.convert("L"))[np.ix_(y, x)] / 255


def as_data_uri(rgb):
    """A picture of 28 x 28 colors from 0 to 1, for inside an SVG."""
    data = io.BytesIO()
    Image.fromarray((255 * rgb).round().astype("uint8")).save(data, "png", optimize=True)
    return "data:image/png;base64," + base64.b64encode(data.getvalue()).decode()


def draw_repair(figure):
    """Damaged digits, the cells that the model suspects in orange, and its repairs, as an SVG."""
    paper, ink, orange = np.array([[1, 1, 1], [0.07, 0.09, 0.13], [0.84, 0.33, 0]])
    titles = ("Damaged", "Found", "Repaired")
    shapes = []
    for column, title in enumerate(titles):
        shapes.append(f'<text x="{70 + 160 * column}" y="13">{title}</text>')
    for line, kind in enumerate(SHOWN_KINDS.values()):
        came, repaired, suspected = (cells_of(figure, row, kind)[..., None] for row in KINDS_ROWS.values())
        pale = paper + 0.3 * came * (ink - paper)
        pictures = (
            paper + came * (ink - paper),
            pale + suspected * (orange - pale),
            paper + repaired * (ink - paper),
        )
        y = 22 + 148 * line
        for column, picture in enumerate(pictures):
            x = 160 * column
            shapes.append(f'<rect x="{x}" y="{y}" width="140" height="140" rx="6"/>')
            place = f'x="{x + 4}" y="{y + 4}" width="132" height="132"'
            shapes.append(f'<image {place} href="{as_data_uri(picture)}"/>')
            if column:
                shapes.append(f'<path d="M{x - 15} {y + 64}v12l9 -6z"/>')
    alt = (
        "Two rows of three pictures. A zero in dense noise and a five with two lines through it; the same, "
        "with the noise and the lines in orange; a clean zero, and a five whose lines are gone but for a "
        "faint end."
    )
    return (
        f'<svg class="repair" viewBox="-1 0 462 312" role="img" aria-label="{alt}" '
        'image-rendering="pixelated" xmlns="http://www.w3.org/2000/svg">\n' + "\n".join(shapes) + "\n</svg>\n"
    )


def write_pictures(folder=ROOT / "book" / "_static"):
    """Write each picture, in as few bytes as its format allows."""
    available = figures()
    for name, (size, names) in PICTURES.items():
        picture = side_by_side([available[figure] for figure in names], size)
        if name.endswith(".png"):
            picture = picture.quantize(128, dither=Image.Dither.NONE)
        picture.save(folder / name, optimize=True, quality=80)
    (folder / "repair.svg").write_text(draw_repair(available[KINDS]))


if __name__ == "__main__":
    write_pictures()
