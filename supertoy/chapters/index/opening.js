// data: sparsity, loss, points [frame][feature][2] of the trained models; importance (I_i is its i-th power), colours by number
// of features, starts and steps of training here.

const features = find(".features"), chart = find(".norms");
const nInput = find("input.n"), trainButton = find("button.train"), result = find(".result");
const LIMIT = 1.45, REPRESENTED = 0.5;
const norm = function (point) { return Math.hypot(point[0], point[1]); };
const percent = function (p) { return Number((100 * p).toPrecision(2)) + " %"; };
const importance = function (n) { return Array.from({ length: n }, function (_, i) { return Math.pow(data.importance, i); }); };

// A drawing for n features, made again when n changes.
let drawing = null, drawnN = 0, bars = [], lengthAt = null;
function prepare(n) {
  if (n === drawnN) return;
  drawnN = n;
  features.replaceChildren();
  chart.replaceChildren();
  drawing = arrows(features, data.colours[n], 2, 150 / LIMIT);
  lengthAt = linearScale(0, LIMIT, 200, 20);
  axes(chart, Object.assign(function () {}, { ticks: [] }), lengthAt, { x: "feature", y: "length ‖W‖ of its direction" },
    { left: 50, top: 20, right: 294, bottom: 200 });
  const width = 244 / n;
  bars = data.colours[n].map(function (colour, i) {
    const x = 50 + width * (i + 0.5);
    add(chart, "text", { x: x, y: 216, fill: "currentColor", "font-size": 11, "text-anchor": "middle" }, i + 1);
    return add(chart, "rect", { x: x - 0.35 * width, width: 0.7 * width, fill: colour, ...edge });
  });
}
function draw(points) {
  prepare(points.length);
  const norms = points.map(norm);
  drawing.draw(points, [[1, 0], [0, 1]], norms, 0);
  bars.forEach(function (bar, i) {
    const top = lengthAt(Math.min(norms[i], LIMIT));
    set(bar, { y: top, height: 200 - top });
  });
}
function represented(points) {
  const n = points.filter(function (point) { return norm(point) >= REPRESENTED; }).length;
  return n + " of " + points.length + " features are represented";
}

const first = data.sparsity.length - 1;
let at = first, running = null;
function stop() {
  if (running) result.textContent = "Stopped at step " + running.taken() + ".";
  running = null;
}
frames(data.sparsity.length, {
  start: first,
  words: function (k) { return "S = " + data.sparsity[k]; },
  status: function (k) {
    return "S = " + data.sparsity[k] + ": each feature is there in " + percent(1 - data.sparsity[k]) + " of inputs. "
      + represented(data.points[k]) + "; loss " + data.loss[k] + ".";
  },
  draw: function (k) {
    at = k;
    stop();
    draw(data.points[k]);
  },
});

// Training here ------------------------------------------------------------------------------------------------------

let seed = 0;
slides(nInput, function (n) { return n + " features"; }, function (n) {
  find("output").textContent = n;
  if (n === drawnN) return;  // already drawn when the page opens
  stop();
  draw(trainer({ n: n, importance: importance(n), restarts: 1, seed: seed + 1 }).W(0));
  result.textContent = n + " features, in directions at random, before training.";
})(data.points[0].length);

trainButton.addEventListener("click", function () {
  const n = Number(nInput.value), p = Number((1 - data.sparsity[at]).toFixed(6)), S = data.sparsity[at];
  const run = trainer({ n: n, p: p, importance: importance(n), restarts: data.starts, steps: data.steps, seed: ++seed });
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  running = run;  // moving the slider, or training again, stops this one
  delete root.dataset.trained;
  set(result, { "aria-live": "off" });
  let leader = 0, drawnAt = 0;
  function frame(now) {
    if (running !== run || !root.isConnected) return;
    // One step at first, to show how training begins; then more and more, as long as the tab stays responsive.
    const until = performance.now() + 12, most = run.taken() + 1 + run.taken() / 30;
    while (!run.done() && run.taken() < most && performance.now() < until) run.step();
    if (run.done()) return finish();
    if (now - drawnAt > (calm ? 700 : 0)) {
      drawnAt = now;
      const going = run.going(), losses = run.losses(256), lowest = losses.indexOf(Math.min.apply(null, losses));
      // A new leader must be clearly better: the drawing would otherwise jump between models whose losses fall together.
      const mine = going.indexOf(leader);
      if (mine < 0 || losses[lowest] < 0.9 * losses[mine]) leader = going[lowest];
      draw(run.W(leader));
      result.textContent = "Step " + run.taken() + " of " + data.steps + ", " + going.length + " models, loss "
        + losses[going.indexOf(leader)].toPrecision(2);
    }
    requestAnimationFrame(frame);
  }
  function finish() {
    const losses = run.losses(16384), best = losses.indexOf(Math.min.apply(null, losses)), k = run.going()[best];
    const W = run.W(k);
    draw(W);
    set(result, { "aria-live": "polite" });
    const known = n === data.points[0].length ? " supertoy's best of many has " + data.loss[at] + "." : "";
    result.textContent = "Trained here, S = " + S + ": " + represented(W) + "; loss " + losses[best].toPrecision(2)
      + ", the lowest of " + data.starts + "." + known;
    running = null;
    root.dataset.trained = JSON.stringify({ n: n, p: p, W: W, b: run.b(k) });
  }
  requestAnimationFrame(frame);
});
