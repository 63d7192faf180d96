// What the export script (scripts/widgets/export_repair_bench.py) wrote.

import { loadNetwork } from "../common/network.js";

const folder = new URL("./", import.meta.url);

// The VAE and the constants of vaelib's correction, all plain data.
export async function loadModel() {
  const [encoder, decoder, settings] = await Promise.all([
    loadNetwork(folder, "encoder"),
    loadNetwork(folder, "decoder"),
    fetch(new URL("settings.json", folder)).then((answer) => answer.json()),
  ]);
  return { encoder, decoder, settings };
}

// Test images of handwritten digits, values from 0, paper, to 1, ink.
export async function loadDigits(size = 28 * 28) {
  const answer = await fetch(new URL("digits.bin", folder));
  const values = Float32Array.from(new Uint8Array(await answer.arrayBuffer()), (level) => level / 255);
  return Array.from({ length: values.length / size }, (_, index) =>
    values.slice(index * size, (index + 1) * size),
  );
}
