// data: steps, loss, stages or null, colours of the features, points [step][feature][2 or 3 dimensions].

const features = find(".features"), chart = find(".loss");
const solid = data.points[0][0].length === 3;
let points = data.points[data.points.length - 1];

// Features, in a square of 300 units with the origin in its middle ---------------------------------------------------

const norm = function (point) { return Math.hypot.apply(null, point); };
const farthest = Math.max.apply(null, data.points.flat().map(norm));
const limit = Math.max(1.25, 1.15 * farthest), unit = 150 / limit;
let rotation = [[1, 0, 0], [0, 1, 0], [0, 0, 1]];

// Coordinates to the right, up and towards the reader.
function seen(point) {
  if (!solid) return [point[0], point[1], 0];
  return rotation.map(function (row) { return row[0] * point[0] + row[1] * point[1] + row[2] * point[2]; });
}
function turn(right, down) {
  const a = Math.cos(right), b = Math.sin(right), c = Math.cos(down), d = Math.sin(down);
  const x = rotation[0], y = rotation[1], z = rotation[2];
  const nearer = z.map(function (v, k) { return a * v - b * x[k]; });
  rotation = [
    x.map(function (v, k) { return a * v + b * z[k]; }),
    y.map(function (v, k) { return c * v - d * nearer[k]; }),
    nearer.map(function (v, k) { return c * v + d * y[k]; }),
  ];
}

const ends = solid ? [[1, 0, 0], [0, 1, 0], [0, 0, 1]] : [[1, 0], [0, 1]];
const drawing = arrows(features, data.colours, ends.length, unit);
function drawFeatures() { drawing.draw(points.map(seen), ends.map(seen), points.map(norm), solid ? limit : 0); }

if (solid) {
  turn(-0.5, 0.4);
  set(features, { "class": "features turns", tabindex: 0,
    "aria-label": features.getAttribute("aria-label") + "; drag it, or use the arrow keys, to turn it" });
  find(".hint").hidden = false;
  let last = null;
  features.addEventListener("pointerdown", function (event) {
    last = event;
    features.setPointerCapture(event.pointerId);
  });
  features.addEventListener("pointermove", function (event) {
    if (!last || event.pointerId !== last.pointerId) return;
    turn((event.clientX - last.clientX) / 100, (event.clientY - last.clientY) / 100);
    last = event;
    drawFeatures();
  });
  ["pointerup", "pointercancel"].forEach(function (name) {
    features.addEventListener(name, function () { last = null; });
  });
  const keys = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] };
  features.addEventListener("keydown", function (event) {
    if (!keys[event.key] || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();  // the page would scroll
    turn.apply(null, keys[event.key]);
    drawFeatures();
  });
}

// The loss, on log axes ----------------------------------------------------------------------------------------------

const drawn = data.steps.map(function (_, k) { return k; }).filter(function (k) { return data.steps[k] > 0; });
const ofDrawn = function (values) { return extent(drawn.map(function (k) { return values[k]; })); };
const [firstStep, lastStep] = ofDrawn(data.steps), [lowest, highest] = ofDrawn(data.loss);
const stepAt = logScale(firstStep, lastStep, 56, 288), lossAt = logScale(lowest, highest, 194, 26);
axes(chart, stepAt, lossAt, { x: "step", y: "loss" }, { left: 50, top: 20, right: 294, bottom: 200 });
const line = path(stepAt, lossAt, drawn.map(function (k) { return [data.steps[k], data.loss[k]]; }));
add(chart, "path", { d: line, fill: "none", stroke: "currentColor", "stroke-width": 1.5 });
const marker = add(chart, "circle", { r: 5, fill: "currentColor" });

const steps = frames(data.steps.length, {
  start: data.steps.length - 1,
  words: function (k) { return "step " + data.steps[k]; },
  status: function (k) {
    return "step " + data.steps[k] + ", loss " + data.loss[k] + (data.stages ? ", " + data.stages[k] : "");
  },
  draw: function (k) {
    points = data.points[k];
    drawFeatures();
    const here = data.steps[k] > 0;
    set(marker, { visibility: here ? "visible" : "hidden" });
    if (here) set(marker, { cx: stepAt(data.steps[k]), cy: lossAt(data.loss[k]) });
  },
});
choose(chart, data.steps.map(stepAt), steps);
