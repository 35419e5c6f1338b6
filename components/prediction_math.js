// The stages of model/sampling.py on logits that are sorted already, fast enough for every move of
// a slider. When the slider rests, the server's own figures take over; a test holds both together.

// logits: Float32Array, highest first -> what each stage leaves; shares are of the whole.
function work_out(logits, { temperature, top_k, top_p }, plain) {
  const tempered = temperature === 0 ? one_hot(logits.length) : probabilities(logits, temperature);
  const n_tempered = temperature === 0 ? 1 : logits.length;
  const n_k = Math.min(n_tempered, count_top_k(logits, temperature, top_k));
  const kept_k = sum(tempered, n_k);
  const n_p = count_top_p(tempered, n_k, kept_k, top_p);
  const kept_p = sum(tempered, n_p);
  return {
    tempered, n_k, n_p, kept: kept_p,
    facts: [
      { n_alive: logits.length, cut: 0, entropy: plain.entropy, top: plain.p[0] },
      { n_alive: n_tempered, cut: 0, entropy: entropy(tempered, n_tempered, 1), top: tempered[0] },
      { n_alive: n_k, cut: 1 - kept_k, entropy: entropy(tempered, n_k, kept_k),
        top: tempered[0] / kept_k },
      { n_alive: n_p, cut: 1 - kept_p / kept_k, entropy: entropy(tempered, n_p, kept_p),
        top: tempered[0] / kept_p },
    ],
  };
}

function probabilities(logits, temperature) {
  const p = new Float64Array(logits.length);
  const highest = Math.fround(logits[0] / temperature);
  let total = 0;
  for (let i = 0; i < p.length; i++) {
    total += p[i] = Math.exp(Math.fround(logits[i] / temperature) - highest);
  }
  for (let i = 0; i < p.length; i++) p[i] /= total;
  return p;
}

function one_hot(n) {
  const p = new Float64Array(n);
  p[0] = 1;
  return p;
}

// Ties with the k-th score stay.
function count_top_k(logits, temperature, k) {
  if (k === 0 || k >= logits.length) return logits.length;
  const score = (i) => Math.fround(logits[i] / (temperature || 1));
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

// In bits, of the first n renormalised by `kept`.
function entropy(p, n, kept) {
  let total = 0;
  for (let i = 0; i < n; i++) if (p[i] > 0) total -= p[i] * Math.log2(p[i] / kept);
  return Math.max(0, total / kept);
}

// points in [0, 1) -> how often each of the first n tokens was hit, and the first one's rank.
function throw_darts(points, points_low, tempered, n, kept) {
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
