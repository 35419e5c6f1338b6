// The stages of model/run/sampling.py on logits that are sorted already, fast enough for every move
// of a slider. When the slider rests, the server's own figures take over; a test holds both together.

// logits: Float32Array, highest first; plain: spread(logits, 1) -> what each stage leaves.
export function work_out(logits, { temperature, top_k, top_p }, plain) {
  const tempered = temperature === 0 ? one_hot(logits.length) : spread(logits, temperature);
  const n_tempered = temperature === 0 ? 1 : logits.length;
  const n_k = Math.min(n_tempered, count_top_k(logits, temperature, top_k));
  const kept_k = sum(tempered.p, n_k);
  const n_p = count_top_p(tempered.p, n_k, kept_k, top_p);
  const kept = sum(tempered.p, n_p);
  const fact = (of, n, mass, cut) =>
    ({ n_alive: n, cut, entropy: entropy(of, n, mass), top: of.p[0] / mass });
  return {
    tempered: tempered.p, n_k, n_p, kept,
    facts: [
      fact(plain, logits.length, 1, 0),
      fact(tempered, n_tempered, 1, 0),
      fact(tempered, n_k, kept_k, n_k < n_tempered ? 1 - kept_k : 0),
      fact(tempered, n_p, kept, n_p < n_k ? 1 - kept / kept_k : 0),
    ],
  };
}

// In float32, as torch divides.
function tempering(logits, temperature) {
  const divisor = Math.fround(temperature);
  return (i) => Math.fround(logits[i] / divisor);
}

// p: softmax of logits / temperature; bits: -log2 p, without a logarithm for each.
export function spread(logits, temperature) {
  const [p, bits] = [new Float64Array(logits.length), new Float64Array(logits.length)];
  const score = tempering(logits, temperature);
  const highest = score(0);
  let total = 0;
  for (let i = 0; i < p.length; i++) {
    bits[i] = highest - score(i);
    total += p[i] = Math.exp(-bits[i]);
  }
  const shift = Math.log2(total);
  for (let i = 0; i < p.length; i++) {
    p[i] /= total;
    bits[i] = bits[i] / Math.LN2 + shift;
  }
  return { p, bits };
}

function one_hot(n) {
  const p = new Float64Array(n);
  p[0] = 1;
  return { p, bits: new Float64Array(n) };
}

// Ties with the k-th score stay.
function count_top_k(logits, temperature, k) {
  if (k === 0 || k >= logits.length) return logits.length;
  const score = tempering(logits, temperature || 1);
  let n = k;
  while (n < logits.length && score(n) === score(k - 1)) n++;
  return n;
}

// The smallest number of tokens that hold a share p of what top-k kept.
function count_top_p(tempered, n_k, kept_k, p) {
  if (p === 1) return n_k;
  let n = 0;
  for (let held = 0; n < n_k && (n === 0 || held / kept_k < p); n++) held += tempered[n];
  return n;
}

function sum(p, n) {
  let total = 0;
  for (let i = 0; i < n; i++) total += p[i];
  return total;
}

// In bits, of the first n tokens, which together hold `mass`.
function entropy({ p, bits }, n, mass) {
  let total = 0;
  for (let i = 0; i < n; i++) total += p[i] * bits[i];
  return Math.max(0, total / mass + Math.log2(mass));
}

// points in [0, 1) -> how often each of the first n tokens was hit, and the first one's rank.
export function throw_darts(points, points_low, tempered, n, kept) {
  const ends = new Float64Array(n);
  for (let i = 0, held = 0; i < n; i++) ends[i] = held += tempered[i] / kept;
  const counts = new Uint32Array(n);
  let first = 0;
  for (let j = 0; j < points.length; j++) {
    const rank = place(ends, (points[j] + points_low[j]) * ends[n - 1]);
    counts[rank]++;
    if (j === 0) first = rank;
  }
  return { ends, counts, first };
}

// The first segment that ends beyond x.
function place(ends, x) {
  let [low, high] = [0, ends.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ends[middle] > x) high = middle;
    else low = middle + 1;
  }
  return low;
}
