// The encoder and the decoder of the page's VAE, forwards; the decoder also backwards.

import { dense, forward } from "../common/network.js";
import { moments } from "./likelihood.js";

// VAE.encode: mean and log variance of q(z given x).
export function encode(model, x) {
  const both = forward(model.encoder, x);
  const half = both.length / 2;
  return { mean: both.slice(0, half), logVar: both.slice(half) };
}

// What every layer of the decoder gives, first to last; the last are the likelihood's parameters.
export function decode(model, z) {
  const outputs = [];
  for (const layer of model.decoder) outputs.push(dense(outputs.at(-1) ?? z, layer));
  return outputs;
}

// Backpropagation: from the gradient in the parameters to the gradient in z.
export function backward(model, outputs, gradient) {
  for (let depth = model.decoder.length - 1; depth >= 0; depth--) {
    const { rows, columns, weights, activation } = model.decoder[depth];
    const output = outputs[depth];
    if (activation === "relu") gradient = gradient.map((value, unit) => (output[unit] > 0 ? value : 0));
    const before = new Float32Array(rows); // weights · gradient
    for (let row = 0, at = 0; row < rows; row++) {
      let sum = 0;
      for (let column = 0; column < columns; column++, at++) sum += weights[at] * gradient[column];
      before[row] = sum;
    }
    gradient = before;
  }
  return gradient;
}

// VAE.reconstruct: the plain reconstruction, decoded from the encoder's best guess.
export function reconstruct(model, x) {
  return moments(decode(model, encode(model, x).mean).at(-1), model.settings.likelihood).mean;
}
