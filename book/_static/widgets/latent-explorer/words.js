// What the page says about a place in the latent plane.

const minus = (text) => text.replace("-", "−");

export function coordinates(z) {
  return `(${z.map((value) => minus((Math.abs(value) < 0.005 ? 0 : value).toFixed(2))).join(", ")})`;
}

// In two dimensions one number does two jobs: exp(-r²/2) is the standard normal's density as a share of
// its peak, and the probability of a draw farther out than r.
export function inThePrior([z1, z2]) {
  const radius = Math.hypot(z1, z2);
  const outer = Math.ceil(radius);
  let ring = `between the ${outer - 1}σ and ${outer}σ circles`;
  if (radius <= 1) ring = "inside the 1σ circle";
  if (radius > 3) ring = "outside the 3σ circle";
  return `${radius.toFixed(2)} from the center and ${ring}. ${farther(Math.exp(-(radius ** 2) / 2))}`;
}

function farther(part) {
  if (part >= 0.001) {
    const percent = `${(100 * part).toFixed(part < 0.1 ? 1 : 0)}%`;
    return `${percent} of the prior’s draws land farther out; its density here is ${percent} of the center’s.`;
  }
  const rare = Number((1 / part).toPrecision(2)).toLocaleString("en-US");
  return `One in ${rare} of the prior’s draws lands farther out; its density here is 1/${rare} of the center’s.`;
}

// `counts` as votes() of points.js gives them.
export function inTheCompany(counts) {
  const all = counts.reduce((sum, [, count]) => sum + count, 0);
  if (counts.length === 1) return `The ${all} nearest test digits are all ${counts[0][0]}s.`;
  const parts = counts.map(([label, count]) => (count === 1 ? `1 is a ${label}` : `${count} are ${label}s`));
  return `Of the ${all} nearest test digits ${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}.`;
}
