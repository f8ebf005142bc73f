// data: density, ratio; at each point of the plane, with all ratios of the first density first: W [hidden][feature], b,
// loss, phase, cells (a colour); names of the candidates, and candidateLoss [candidate][point]; borders; features and colours.

const n = data.ratio.length, nFeatures = data.features.length, nHidden = data.W[0].length;
const phaseWords = ["not represented", "in superposition", "in a dimension of its own"];
const digits = function (v) { return v.toFixed(2).replace("-", "\u2212").replace(/^\u2212(0\.00)$/, "$1"); };

// The map -----------------------------------------------------------------------------------------------------------

const map = find(".map"), box = { left: 46, top: 20, right: 294, bottom: 246 };
// Cells reach to half a step beyond the first and the last point.
const stepX = (box.right - box.left) / n, stepY = (box.bottom - box.top) / n;
const densityAt = logScale(1, 0.01, box.left + stepX / 2, box.right - stepX / 2);
const ratioAt = logScale(0.1, 10, box.bottom - stepY / 2, box.top + stepY / 2);
const cells = add(map, "g", { "shape-rendering": "crispEdges" });
data.cells.forEach(function (colour, k) {
  const x = box.left + stepX * Math.floor(k / n), y = box.bottom - stepY * (k % n + 1);
  add(cells, "rect", { x: x.toFixed(2), y: y.toFixed(2), width: stepX + 0.05, height: stepY + 0.05, fill: colour });
});
const outer = { x: box.left, y: box.top, width: box.right - box.left, height: box.bottom - box.top };
add(map, "rect", Object.assign(outer, faint));
axes(map, densityAt, ratioAt, { x: "density p = 1 \u2212 S", y: "relative importance" }, box);

const halo = { stroke: "#fff", "stroke-width": 3, "stroke-linejoin": "round" };
const borders = data.borders.map(function (border) {
  return path(densityAt, ratioAt, border.map(function (p) { return [Math.pow(10, p[0]), Math.pow(10, p[1])]; }));
}).join("");
add(map, "path", Object.assign({ d: borders, fill: "none" }, halo));
add(map, "path", { d: borders, fill: "none", stroke: "#000", "stroke-width": 1.2 });

const candidatesAt = data.cells.map(function (_, k) {
  return data.candidateLoss.map(function (losses) { return losses[k]; });
});
const bestAt = candidatesAt.map(function (losses) { return losses.indexOf(Math.min.apply(null, losses)); });
data.candidates.forEach(function (name, c) {
  const inside = bestAt.map(function (_, k) { return k; }).filter(function (k) { return bestAt[k] === c; });
  if (!inside.length) return;
  const mean = function (of) { return inside.reduce(function (sum, k) { return sum + of(k); }, 0) / inside.length; };
  const x = densityAt(data.density[0]) + stepX * mean(function (k) { return Math.floor(k / n); });
  const y = ratioAt(data.ratio[0]) - stepY * mean(function (k) { return k % n; });
  // About two words to a line, inside the map.
  const lines = name.split(" ").reduce(function (lines, word) {
    const last = lines.length - 1;
    if (last >= 0 && (lines[last] + " " + word).length <= 13) lines[last] += " " + word; else lines.push(word);
    return lines;
  }, []);
  const half = 3.2 * Math.max.apply(null, lines.map(function (line) { return line.length; }));
  const middle = Math.max(box.left + half, Math.min(box.right - half, x));
  lines.forEach(function (line, k) {
    const label = { x: middle, y: y + 13 * (k - (lines.length - 1) / 2), fill: "#000", "font-size": 11 };
    const centred = { "text-anchor": "middle", "dominant-baseline": "central", "paint-order": "stroke" };
    add(map, "text", Object.assign(label, centred, halo), line);
  });
});
const markers = ["#fff", "#000"].map(function (colour, k) {
  return add(map, "circle", { r: 6, fill: "none", stroke: colour, "stroke-width": [5, 2][k] });
});

// Weights -----------------------------------------------------------------------------------------------------------

const weights = find(".weights");
const subscript = function (i) { return String.fromCharCode(0x2081 + i); };
function norms(W) {
  return data.features.map(function (_, i) { return Math.hypot.apply(null, W.map(function (row) { return row[i]; })); });
}
const largest = Math.max(1.2, Math.max.apply(null, data.W.map(norms).flat()));

// In one dimension each feature has a row above a common axis, with its number on the side that its arrow leaves free.
function lineOfWeights() {
  const at = linearScale(-largest, largest, 20, 280), bottom = 22 + 32 * nFeatures;
  set(weights, { viewBox: "0 0 300 " + (bottom + 22) });
  add(weights, "path", Object.assign({ d: "M20 " + bottom + "H280M" + at(0) + " 10V" + bottom }, faint));
  [-1, 0, 1].forEach(function (v) {
    add(weights, "path", Object.assign({ d: "M" + at(v) + " " + bottom + "v4" }, faint));
    const label = { x: at(v), y: bottom + 16, fill: "currentColor", "font-size": 11, "text-anchor": "middle" };
    add(weights, "text", label, String(v).replace("-", "\u2212"));
  });
  const rows = data.colours.map(function (colour, i) {
    const y = 24 + 32 * i;
    return {
      arrow: add(weights, "line", { x1: at(0), y1: y, y2: y, stroke: colour, "stroke-width": 3 }),
      dot: add(weights, "circle", { cy: y, r: 5, fill: colour }),
      text: add(weights, "text", { y: y, fill: "currentColor", "dominant-baseline": "central" }),
    };
  });
  return function (W) {
    rows.forEach(function (row, i) {
      const w = W[0][i], side = w < 0 ? 1 : -1;
      set(row.arrow, { x2: at(w) });
      set(row.dot, { cx: at(w) });
      set(row.text, { x: at(0) + 12 * side, "text-anchor": w < 0 ? "start" : "end" });
      row.text.textContent = data.features[i] + ": W" + subscript(i) + " = " + digits(w);
    });
  };
}
function planeOfWeights() {
  const drawing = arrows(weights, data.colours, 2, 130 / largest);
  return function (W, lengths) {
    const places = lengths.map(function (_, i) { return [W[0][i], W[1][i], 0]; });
    drawing.draw(places, [[1, 0, 0], [0, 1, 0]], lengths, 0);
  };
}
const drawWeights = nHidden === 1 ? lineOfWeights() : planeOfWeights();

// Losses ------------------------------------------------------------------------------------------------------------

const body = add(find(".losses"), "tbody", {});
const rows = ["trained model"].concat(data.candidates).map(function (name) {
  const row = add(body, "tr", {});
  add(row, "th", { scope: "row" }, name);
  return { row: row, loss: add(row, "td", {}), multiple: add(row, "td", {}) };
});
function drawLosses(k) {
  const losses = [data.loss[k]].concat(candidatesAt[k]), best = 1 + bestAt[k];
  rows.forEach(function (row, c) {
    row.loss.textContent = losses[c].toPrecision(3);
    row.multiple.textContent = (losses[c] / losses[best]).toFixed(2) + (c === best ? " best" : "");
    set(row.row, { "class": c === best ? "best" : "" });
  });
}

// Reconstructions ---------------------------------------------------------------------------------------------------

// What goes into the ReLU of each output.
function preactivations(k, x) {
  const W = data.W[k];
  const hidden = W.map(function (row) { return row.reduce(function (sum, w, i) { return sum + w * x[i]; }, 0); });
  return data.b[k].map(function (b, i) { return W.reduce(function (sum, row, h) { return sum + row[i] * hidden[h]; }, b); });
}
// An output while the input grows from nothing to all of x, with the kink where its ReLU bends.
function curve(from, to) {
  const kink = from * to < 0 ? [[from / (from - to), 0]] : [];
  return [[0, Math.max(0, from)]].concat(kink, [[1, Math.max(0, to)]]);
}
function svgIn(parent, attributes) {
  return parent.appendChild(set(document.createElementNS(map.namespaceURI, "svg"), attributes));
}
const together = data.features.map(function () { return 1; });
const inputs = data.features.map(function (name, i) {
  return { name: name + " feature alone", x: together.map(function (_, j) { return i === j ? 1 : 0; }) };
}).concat([{ name: nFeatures === 2 ? "both together" : "all together", x: together }]);
const highest = Math.max.apply(null, data.W.map(function (_, k) {
  return inputs.map(function (input) { return preactivations(k, input.x); });
}).flat(2));
const thickness = function (i) { return 5 - 1.5 * i; };  // lines that lie on each other all show

const charts = inputs.map(function (input) {
  const chart = svgIn(find(".charts"), { viewBox: "0 0 150 152", role: "img" });
  const frame = { left: 22, top: 24, right: 144, bottom: 116 };
  const x = linearScale(0, 1, frame.left, frame.right), y = linearScale(0, Math.max(1.1, highest), frame.bottom, frame.top);
  x.ticks = y.ticks = [0, 1];
  axes(chart, x, y, { x: "x", y: "" }, frame);
  add(chart, "text", { x: 2, y: 12, fill: "currentColor" }, input.name);
  const lines = data.colours.map(function (colour, i) {
    return add(chart, "path", { fill: "none", stroke: colour, "stroke-width": thickness(i), "stroke-linejoin": "round" });
  });
  const wanted = { d: path(x, y, [[0, 0], [1, 1]]), "stroke-dasharray": "3 4", "stroke-opacity": 0.9 };
  add(chart, "path", Object.assign({}, faint, wanted));
  return function (k) {
    const to = preactivations(k, input.x);
    lines.forEach(function (line, i) { set(line, { d: path(x, y, curve(data.b[k][i], to[i])) }); });
    const ends = data.features.map(function (name, i) { return digits(Math.max(0, to[i])) + " for the " + name; });
    set(chart, { "aria-label": "Output for an input of " + input.name + ": at x = 1 " + ends.join(", ") });
  };
});
data.features.map(function (name, i) { return [name + " feature's output", data.colours[i], thickness(i), "none"]; })
  .concat([["the input x itself", "currentColor", 1, "3 4"]]).forEach(function (entry) {
    const item = add(find(".lines"), "span", {});
    const sample = svgIn(item, { viewBox: "0 0 32 8", "aria-hidden": "true" });
    add(sample, "path", { d: "M0 4H32", stroke: entry[1], "stroke-width": entry[2], "stroke-dasharray": entry[3] });
    item.append(entry[0]);
  });

// All of it ---------------------------------------------------------------------------------------------------------

let atDensity = Math.floor(n / 4), atRatio = Math.floor(n / 2);  // in superposition, near the borders
function draw() {
  const k = atDensity * n + atRatio, density = data.density[atDensity], ratio = data.ratio[atRatio];
  const lengths = norms(data.W[k]);
  markers.forEach(function (marker) { set(marker, { cx: densityAt(density), cy: ratioAt(ratio) }); });
  drawWeights(data.W[k], lengths);
  drawLosses(k);
  charts.forEach(function (chart) { chart(k); });
  const numbers = ["norms " + lengths.map(digits).join(", "), "biases " + data.b[k].map(digits).join(", ")].join("; ");
  set(weights, { "aria-label": "Weights of the features, " + data.features.join(", ") + ": " + numbers });
  find(".status").textContent = "Density " + density + ", relative importance " + ratio + ": the extra feature is " +
    phaseWords[data.phase[k]] + "; " + numbers + ".";
}

const densityInput = find("input.density"), ratioInput = find("input.ratio");
densityInput.max = ratioInput.max = n - 1;
const densitySlider = slides(densityInput, function (k) {
  return "density " + data.density[k] + ", sparsity " + Number((1 - data.density[k]).toPrecision(3));
}, function (k) { atDensity = k; draw(); });
const ratioSlider = slides(ratioInput, function (k) { return "relative importance " + data.ratio[k]; },
  function (k) { atRatio = k; draw(); });
densitySlider(atDensity);
ratioSlider(atRatio);
function choosePoint(event) {
  const at = map.getBoundingClientRect(), unit = map.viewBox.baseVal.width / at.width;
  const within = function (k) { return Math.max(0, Math.min(n - 1, Math.floor(k))); };
  densitySlider(within((unit * (event.clientX - at.left) - box.left) / stepX));
  ratioSlider(within((box.bottom - unit * (event.clientY - at.top)) / stepY));
}
let held = null;
map.addEventListener("pointerdown", function (event) {
  held = event.pointerId;
  map.setPointerCapture(held);
  choosePoint(event);
});
map.addEventListener("pointermove", function (event) { if (event.pointerId === held) choosePoint(event); });
["pointerup", "pointercancel"].forEach(function (name) { map.addEventListener(name, function () { held = null; }); });
