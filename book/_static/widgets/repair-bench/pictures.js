// Pictures that are not digits: the mask, and the errors along the steps.

const DAMAGE = [213, 94, 0]; // Okabe and Ito's vermilion

// Outlier probabilities: 0 is white, 1 vermilion.
export function drawMask(canvas, probabilities, side) {
  canvas.width = canvas.height = side;
  const context = canvas.getContext("2d");
  const image = context.createImageData(side, side);
  probabilities.forEach((probability, pixel) => {
    const color = DAMAGE.map((channel) => 255 + (channel - 255) * probability);
    image.data.set([...color, 255], 4 * pixel);
  });
  context.putImageData(image, 0, 0);
}

export function drawNothing(canvas, side) {
  canvas.width = canvas.height = side;
}

// Root mean square difference over all pixels.
export function rmse(a, b) {
  return Math.sqrt(a.reduce((sum, value, pixel) => sum + (value - b[pixel]) ** 2, 0) / a.length);
}

// The error of the repair after each step as a curve, between level lines of what it has to beat.
export function drawErrors(svg, levels, curve, shown, steps) {
  const highest = 1.15 * Math.max(...Object.values(levels), ...curve, 0.02);
  const height = (error) => 60 * (1 - error / highest);
  const line = (name, points) => `<polyline class="${name}" points="${points.join(" ")}" />`;
  const level = ([name, error]) => line(name, [`0,${height(error)}`, `${steps},${height(error)}`]);
  const points = curve.map((error, step) => `${step},${height(error)}`);
  const now = shown < 0 ? "" : line("now", [`${shown},0`, `${shown},60`]);
  svg.setAttribute("viewBox", `0 0 ${steps} 60`);
  svg.innerHTML = now + Object.entries(levels).map(level).join("") + line("repaired", points);
}
