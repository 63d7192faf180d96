// Dense networks in the page: what Keras trained, as scripts/widgets/network_file.py wrote it.

// Reads `<folder>/<name>.json`, a list of layers {rows, columns, activation}, and `<name>.bin`. That holds, as
// 32-bit floats, each layer's steps and then its bias, a number for each column; behind all of these each
// layer's matrix row by row, as 8-bit integers. A weight is its integer times its column's step.
export async function loadNetwork(folder, name) {
  const [shapes, buffer] = await Promise.all([
    fetch(new URL(`${name}.json`, folder)).then((answer) => answer.json()),
    fetch(new URL(`${name}.bin`, folder)).then((answer) => answer.arrayBuffer()),
  ]);
  let position = 0; // in bytes
  const take = (Kind, count) => {
    const taken = new Kind(buffer, position, count);
    position += taken.byteLength;
    return taken;
  };
  const units = shapes.map(({ columns }) => [take(Float32Array, columns), take(Float32Array, columns)]);
  return shapes.map(({ rows, columns, activation }, depth) => {
    const [steps, bias] = units[depth];
    const integers = take(Int8Array, rows * columns);
    const weights = new Float32Array(rows * columns);
    for (let at = 0; at < weights.length; at++) weights[at] = integers[at] * steps[at % columns];
    return { rows, columns, activation, weights, bias };
  });
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
