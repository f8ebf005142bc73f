// Training in the reader's own tab: the ReLU output model with two hidden dimensions, y = ReLU(Wᵀ W x + b).
// Adam, the weighted sample and the schedule are those of supertoy's `train`.

// Numbers in [0, 1) from a seed (mulberry32): the same in every browser.
function random(seed) {
  let state = seed >>> 0;
  return function () {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

// Draws rows in which at least one feature is active. Each is active with probability p, and then uniform in [0, 1).
function fillActive(x, n, p, uniform) {
  const any = 1 - Math.pow(1 - p, n);
  for (let row = 0; row < x.length; row += n) {
    // The first active feature follows a geometric law, cut off after n. Later ones are independent of it.
    const first = p === 1 ? 0 : Math.min(n - 1, Math.floor(Math.log(1 - any * uniform()) / Math.log(1 - p)));
    for (let i = 0; i < n; i++) {
      const active = i === first || (i > first && uniform() < p);
      x[row + i] = active ? uniform() : 0;
    }
  }
}

// Trains several models of n features from different starts on the same batches. When batches grow, the best quarter goes on.
//   options: n, p (density), importance (n numbers), restarts, steps, seed.
// Returns {step(), done(), taken(), going(), W(k), b(k), losses(rows)}. going() numbers the models that still train; W(k) is n
// pairs; losses(rows) estimates the loss of each model that still trains, always on the same rows.
function trainer(options) {
  const n = options.n, p = options.p, I = options.importance, K = options.restarts, total = options.steps;
  const uniform = random(options.seed);
  const normal = function () { return Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()); };
  // For each model W[0][·], W[1][·] and b, one after another.
  const size = 3 * n, weights = new Float64Array(K * size);
  const scale = Math.sqrt(2 / ((1 + n) * 2));
  for (let k = 0; k < K; k++) for (let i = 0; i < 2 * n; i++) weights[k * size + i] = scale * normal();
  const gradient = new Float64Array(size), mean = new Float64Array(K * size), square = new Float64Array(K * size);
  const error = new Float64Array(n), any = 1 - Math.pow(1 - p, n), none = 1 - any;
  let taken = 0, going = Array.from({ length: K }, function (_, k) { return k; });

  // Loss of model k on the zero vector and on rows x, which share the weight `any` equally. With `slope`, also its gradient.
  function evaluate(k, x, slope) {
    const at = k * size, row_weight = any * n / x.length;
    let loss = 0;
    if (slope) gradient.fill(0);
    for (let row = 0; row < x.length; row += n) {
      let h0 = 0, h1 = 0;
      for (let i = 0; i < n; i++) {
        const v = x[row + i];
        if (v !== 0) { h0 += weights[at + i] * v; h1 += weights[at + n + i] * v; }
      }
      let back0 = 0, back1 = 0;
      for (let i = 0; i < n; i++) {
        const a = weights[at + i] * h0 + weights[at + n + i] * h1 + weights[at + 2 * n + i];
        const difference = (a > 0 ? a : 0) - x[row + i];
        loss += row_weight * I[i] * difference * difference;
        if (!slope) continue;
        const e = a > 0 ? 2 * row_weight * I[i] * difference : 0;
        error[i] = e;
        back0 += weights[at + i] * e;
        back1 += weights[at + n + i] * e;
      }
      if (!slope) continue;
      for (let i = 0; i < n; i++) {
        gradient[i] += h0 * error[i] + back0 * x[row + i];
        gradient[n + i] += h1 * error[i] + back1 * x[row + i];
        gradient[2 * n + i] += error[i];
      }
    }
    for (let i = 0; i < n; i++) {
      const b = weights[at + 2 * n + i];
      if (b <= 0) continue;
      loss += none * I[i] * b * b;
      if (slope) gradient[2 * n + i] += 2 * none * I[i] * b;
    }
    return loss;
  }

  const test = new Float64Array(16384 * n);
  fillActive(test, n, p, random(1));
  function losses(rows) {
    const some = test.subarray(0, rows * n);
    return going.map(function (k) { return evaluate(k, some, false); });
  }

  return {
    step: function () {
      const progress = taken / total;
      if (progress >= 0.3 && going.length === K) {
        const by = losses(4096);
        going = going.slice().sort(function (k, l) { return by[k] - by[l]; }).slice(0, Math.max(2, Math.ceil(K / 4)));
      }
      const rows = progress < 0.3 ? 256 : progress < 0.7 ? 512 : 1024;
      const rate = 0.03 * Math.min(1, (taken + 1) / (0.05 * total), 2 * (1 - progress));
      const x = new Float64Array(rows * n);
      fillActive(x, n, p, uniform);
      taken += 1;
      const mean_scale = 1 / (1 - Math.pow(0.9, taken)), square_scale = 1 / (1 - Math.pow(0.999, taken));
      going.forEach(function (k) {
        evaluate(k, x, true);
        for (let i = 0; i < size; i++) {
          const at = k * size + i, g = gradient[i];
          mean[at] = 0.9 * mean[at] + 0.1 * g;
          square[at] = 0.999 * square[at] + 0.001 * g * g;
          weights[at] -= rate * mean[at] * mean_scale / (Math.sqrt(square[at] * square_scale) + 1e-8);
        }
      });
    },
    done: function () { return taken >= total; },
    taken: function () { return taken; },
    going: function () { return going; },
    W: function (k) {
      const pairs = [];
      for (let i = 0; i < n; i++) pairs.push([weights[k * size + i], weights[k * size + n + i]]);
      return pairs;
    },
    b: function (k) { return Array.from(weights.subarray(k * size + 2 * n, (k + 1) * size)); },
    losses: losses,
  };
}
