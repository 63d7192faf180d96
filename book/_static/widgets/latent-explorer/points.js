// The test digits: where the encoder puts them, what they are, and what they look like.

// `z` holds the posterior means, two numbers a digit; `labels` the classes, which the model has never
// seen; `sheet` all the pictures in one, `columns` to a row. scripts/widgets/export_latent_explorer.py
// writes the files.
export async function loadPoints(folder) {
  const get = (name) => fetch(new URL(name, folder));
  const [about, buffer, sheet] = await Promise.all([
    get("points.json").then((answer) => answer.json()),
    get("points.bin").then((answer) => answer.arrayBuffer()),
    get("digits.webp").then((answer) => answer.blob()).then(createImageBitmap),
  ]);
  const { count, scale } = about;
  return {
    ...about,
    z: Float32Array.from(new Int16Array(buffer, 0, 2 * count), (value) => value / scale),
    labels: new Uint8Array(buffer, 4 * count),
    sheet,
  };
}

// The `k` digits nearest to z in the plane, nearest first: [{index, label, distance}].
export function nearest(points, [z1, z2], k) {
  const found = [];
  for (let index = 0; index < points.count; index++) {
    const distance = Math.hypot(points.z[2 * index] - z1, points.z[2 * index + 1] - z2);
    if (found.length === k && distance >= found[k - 1].distance) continue;
    let place = found.length;
    while (place > 0 && found[place - 1].distance > distance) place--;
    found.splice(place, 0, { index, label: points.labels[index], distance });
    if (found.length > k) found.pop();
  }
  return found;
}

// How often each class occurs among neighbors, most frequent first: [[label, count]].
export function votes(neighbors) {
  const counts = new Map();
  for (const { label } of neighbors) counts.set(label, (counts.get(label) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1]);
}

// Where each class's points have their median: [[z1, z2]], by class.
export function medians(points) {
  return Array.from({ length: 10 }, (_, label) =>
    [0, 1].map((axis) => {
      const values = points.z.filter((_, at) => at % 2 === axis && points.labels[at >> 1] === label);
      return values.sort()[values.length >> 1];
    }),
  );
}
