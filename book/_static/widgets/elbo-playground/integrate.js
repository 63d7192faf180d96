// Two rules for integrals of smooth functions that have died away at both ends, on `intervals` equal steps.

function points(f, from, to, intervals) {
  const step = (to - from) / intervals;
  return { step, values: Array.from({ length: intervals + 1 }, (_, i) => f(from + i * step)) };
}

export const integrate = {
  trapezoid(f, from, to, intervals) {
    const { step, values } = points(f, from, to, intervals);
    const ends = (values[0] + values[intervals]) / 2;
    return step * (values.reduce((sum, value) => sum + value, 0) - ends);
  },

  // Parabolas through three points each: weights 1, 4, 2, 4, …, 4, 1.
  simpson(f, from, to, intervals) {
    const { step, values } = points(f, from, to, intervals);
    const weight = (i) => (i === 0 || i === intervals ? 1 : i % 2 ? 4 : 2);
    return (step / 3) * values.reduce((sum, value, i) => sum + weight(i) * value, 0);
  },
};
