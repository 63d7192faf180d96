// Broken lines in the latent plane: lists of points [z1, z2].

const distance = (from, to) => Math.hypot(to[0] - from[0], to[1] - from[1]);

export function lengthOf(path) {
  return path.slice(1).reduce((sum, point, index) => sum + distance(path[index], point), 0);
}

// `count` points from the path's start to its end, spaced evenly along its length.
export function along(path, count) {
  const step = lengthOf(path) / (count - 1);
  const points = [path[0]];
  let corner = 1; // the end of the piece that we walk on
  let passed = 0; // the length of the pieces before it
  for (let index = 1; index < count - 1; index++) {
    let piece = distance(path[corner - 1], path[corner]);
    while (passed + piece < index * step && corner < path.length - 1) {
      passed += piece;
      corner++;
      piece = distance(path[corner - 1], path[corner]);
    }
    const share = (index * step - passed) / piece;
    const [from, to] = [path[corner - 1], path[corner]];
    points.push([from[0] + share * (to[0] - from[0]), from[1] + share * (to[1] - from[1])]);
  }
  return [...points, path.at(-1)];
}
