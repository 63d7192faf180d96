// Ways to damage an image, in place: those of the table in the chapter (vaelib.corrupt, and lines).

function anywhere(pixels, share, valueOf) {
  for (let pixel = 0; pixel < pixels.length; pixel++) {
    if (Math.random() < share) pixels[pixel] = valueOf();
  }
}

const anyLevel = () => Math.random();
const eitherEnd = () => Math.round(Math.random());

function block(pixels, side, size = 8) {
  const [top, left] = [0, 0].map(() => Math.floor(Math.random() * (side - size + 1)));
  for (let row = top; row < top + size; row++) {
    for (let column = left; column < left + size; column++) pixels[row * side + column] = anyLevel();
  }
}

// Two full rows become ink, as from a scratched scanner; where the digit is, or nothing would be lost.
function lines(pixels, side) {
  const rows = Array.from({ length: side }, (_, row) => row).filter((row) => row >= 5 && row < side - 5);
  const first = rows.splice(Math.floor(Math.random() * rows.length), 1)[0];
  const second = rows[Math.floor(Math.random() * rows.length)];
  for (const row of [first, second]) pixels.fill(1, row * side, (row + 1) * side);
}

export const DAMAGES = {
  "10 % noise": (pixels) => anywhere(pixels, 0.1, anyLevel),
  "30 % noise": (pixels) => anywhere(pixels, 0.3, anyLevel),
  "Salt and pepper": (pixels) => anywhere(pixels, 0.2, eitherEnd),
  Block: block,
  "Two lines": lines,
};
