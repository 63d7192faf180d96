// Small gray images on a canvas.

// Draws `pixels`, row by row, 0 white and 1 black, one canvas pixel each; CSS makes them larger.
export function drawDigit(canvas, pixels, side) {
  if (canvas.width !== side || canvas.height !== side) canvas.width = canvas.height = side; // lays out the page
  const context = canvas.getContext("2d");
  const image = context.createImageData(side, side);
  for (let index = 0; index < side * side; index++) {
    const gray = 255 * (1 - pixels[index]);
    image.data.set([gray, gray, gray, 255], 4 * index);
  }
  context.putImageData(image, 0, 0);
}
