// Small helpers for drawing.

// An element of the drawing: its attributes, then its children, text or elements.
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// A straight map from [from, to] to pixels.
export function scale([from, to], [start, end]) {
  const map = (value) => start + ((value - from) / (to - from)) * (end - start);
  map.invert = (pixel) => from + ((pixel - start) / (end - start)) * (to - from);
  return map;
}

export function pathThrough(points) {
  return points.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
}

// The book's way of writing a number: three digits after the point and a true minus sign.
export function number(value, digits = 3) {
  const text = Math.abs(value).toFixed(digits);
  return value < 0 && Number(text) !== 0 ? `−${text}` : text;
}
