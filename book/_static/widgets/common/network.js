// Dense networks in the page: what Keras trained, as scripts/widgets/network_file.py wrote it.

const POWERS = Array.from({ length: 32 }, (_, exponent) => 2 ** (exponent - 15));

// A 16-bit float, given as an integer: sign, five bits of exponent, ten of fraction.
function halfToNumber(half) {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * POWERS[exponent];
}

// Reads `<folder>/<name>.json`, a list of layers {rows, columns, activation}, and `<name>.bin`, their
// weights in order as little-endian 16-bit floats: each layer's matrix row by row, then its bias.
export async function loadNetwork(folder, name) {
  const [shapes, buffer] = await Promise.all([
    fetch(new URL(`${name}.json`, folder)).then((answer) => answer.json()),
    fetch(new URL(`${name}.bin`, folder)).then((answer) => answer.arrayBuffer()),
  ]);
  const halves = new Uint16Array(buffer);
  const values = new Float32Array(halves.length); // a loop: Float32Array.from takes several times as long
  for (let index = 0; index < halves.length; index++) values[index] = halfToNumber(halves[index]);
  let position = 0;
  const take = (count) => values.subarray(position, (position += count));
  return shapes.map(({ rows, columns, activation }) => ({
    rows,
    columns,
    activation,
    weights: take(rows * columns),
    bias: take(columns),
  }));
}

// One layer: activation(input · weights + bias).
export function dense(input, layer) {
  const { rows, columns, weights, bias } = layer;
  const output = Float32Array.from(bias);
  for (let row = 0; row < rows; row++) {
    const value = input[row];
    if (value === 0) continue; // after a ReLU half of them are
    for (let column = 0, at = row * columns; column < columns; column++, at++) {
      output[column] += value * weights[at];
    }
  }
  if (layer.activation === "relu") {
    for (let column = 0; column < columns; column++) output[column] = Math.max(output[column], 0);
  }
  return output;
}

export function forward(network, input) {
  return network.reduce(dense, input);
}

export function sigmoid(value) {
  return 1 / (1 + Math.exp(-value));
}
