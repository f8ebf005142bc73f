// data: density of each setting, weights [setting][neuron][feature] in hundredths of each neuron's largest, kinds [setting]
// [neuron] (0 monosemantic, 1 polysemantic, 2 not in use), how many features are computed, a colour for each kind.

const stacks = find(".stacks"), counts = find(".counts"), slider = find("input.neuron"), says = find(".one");
const nNeurons = data.weights[0].length, names = ["monosemantic", "polysemantic", "not in use"];
const box = { left: 50, top: 20, right: 294, bottom: 200 };
const ofKind = data.kinds.map(function (kinds) {
  return names.map(function (_, kind) { return kinds.filter(function (each) { return each === kind; }).length; });
});

// A stack for each neuron, on a new scale at each density -----------------------------------------------------------

const neuronAt = linearScale(0.5, nNeurons + 0.5, box.left, box.right), width = neuronAt(2) - neuronAt(1);
neuronAt.ticks = nNeurons < 13 ? data.weights[0].map(function (_, j) { return j + 1; })
  : [1, Math.round(nNeurons / 2), nNeurons];
const middles = data.weights[0].map(function (_, j) { return neuronAt(j + 1); });
const frame = add(stacks, "g", {});
const chosen = add(stacks, "rect", { y: box.top - 4, height: box.bottom - box.top + 4, width: width, fill: "currentColor",
  "fill-opacity": 0.18 });
// The largest block of each neuron stands out. A block is a line as wide as a neuron.
const blocks = data.colours.map(function (colour) {
  const line = { fill: "none", stroke: colour, "stroke-width": 0.8 * width };
  return { largest: add(stacks, "path", line), others: add(stacks, "path", Object.assign({ "stroke-opacity": 0.5 }, line)) };
});

function sum(weights) { return weights.reduce(function (total, w) { return total + Math.abs(w) / 100; }, 0); }
function drawStacks(k) {
  const highest = Math.max.apply(null, data.weights[k].map(sum).concat(1));
  const heightAt = linearScale(0, highest, box.bottom, box.top);
  frame.replaceChildren();
  axes(frame, neuronAt, heightAt, { x: "neuron", y: "|weights|, stacked" }, box);
  const unit = (heightAt(0) - heightAt(1)) / 100;
  const paths = blocks.map(function () { return { largest: [], others: [] }; });
  data.weights[k].forEach(function (weights, j) {
    const largest = main(weights, -1), into = paths[data.kinds[k][j]], start = "M" + middles[j].toFixed(2) + " ";
    let y = box.bottom;
    weights.forEach(function (w, i) {
      if (!w) return;
      const height = unit * Math.abs(w), from = y;
      y -= height;
      // A little space above each block tells many small ones from a large one.
      const gap = Math.min(0.6, 0.3 * height);
      (i === largest ? into.largest : into.others).push(start + from.toFixed(1) + "V" + (y + gap).toFixed(1));
    });
  });
  blocks.forEach(function (block, kind) {
    set(block.largest, { d: paths[kind].largest.join("") });
    set(block.others, { d: paths[kind].others.join("") });
  });
}
// The feature of largest weight, leaving one out.
function main(weights, except) {
  return weights.reduce(function (best, w, i) {
    return i !== except && (best < 0 || Math.abs(w) > Math.abs(weights[best])) ? i : best;
  }, -1);
}

// How many of each kind, over density --------------------------------------------------------------------------------

const [sparse, dense] = extent(data.density), most = Math.max.apply(null, data.computed.concat(nNeurons));
const densityAt = logScale(dense, sparse, 56, 288), countAt = linearScale(0, most, 196, 26);
const places = data.density.map(densityAt);
axes(counts, densityAt, countAt, { x: "density p = 1 - S, sparser to the right", y: "how many" }, box);
const marker = add(counts, "path", Object.assign({}, faint, { "stroke-opacity": 0.6 }));
function drawCounts(values, colour, dashes) {
  const points = data.density.map(function (p, k) { return [p, values[k]]; });
  const style = { fill: "none", stroke: colour, "stroke-width": 2, "stroke-dasharray": dashes };
  add(counts, "path", Object.assign({ d: path(densityAt, countAt, points) }, style));
  points.forEach(function (point) { add(counts, "circle", { cx: densityAt(point[0]), cy: countAt(point[1]), r: 3, fill: colour }); });
}
const used = data.colours.map(function (_, kind) { return kind; }).filter(function (kind) {
  return kind < 2 || ofKind.some(function (n) { return n[kind]; });
});
used.forEach(function (kind) { drawCounts(ofKind.map(function (n) { return n[kind]; }), data.colours[kind], "none"); });
drawCounts(data.computed, "currentColor", "5 4");
key(find(".key"), used.map(function (kind) { return data.colours[kind]; }).concat("currentColor"))
  .show(used.map(function (kind) { return kind < 2 ? names[kind] + " neurons" : "neurons not in use"; })
    .concat("features computed (dashed)"));

// One neuron in words ------------------------------------------------------------------------------------------------

let shown = 0;
function about(j) {
  const weights = data.weights[shown][j], first = main(weights, -1), second = main(weights, first);
  return "Neuron " + (j + 1) + ", " + names[data.kinds[shown][j]] + ": feature " + (first + 1) + " with weight " +
    signed(weights[first]) + ", then feature " + (second + 1) + " with " + signed(weights[second]);
}
const tell = slides(slider, function (number) { return about(number - 1); }, function (number) {
  set(chosen, { x: middles[number - 1] - width / 2 });
  says.textContent = about(number - 1) + ".";
});
function signed(hundredths) { return (hundredths < 0 ? "-" : "") + (Math.abs(hundredths) / 100).toFixed(2); }

["pointerdown", "pointermove"].forEach(function (name) {
  stacks.addEventListener(name, function (event) { tell(nearest(stacks, middles, event) + 1); });
});

// It starts where the two kinds of neurons are closest in number.
const balance = ofKind.map(function (n) { return Math.min(n[0], n[1]); });
const settings = frames(data.density.length, {
  start: balance.indexOf(Math.max.apply(null, balance)),
  words: function (k) { return "p = " + data.density[k]; },
  status: function (k) {
    return "p = " + data.density[k] + ": " + ofKind[k][0] + " monosemantic and " + ofKind[k][1] + " polysemantic neurons, " +
      (ofKind[k][2] ? ofKind[k][2] + " not in use, " : "") + "features computed: " + data.computed[k];
  },
  draw: function (k) {
    shown = k;
    drawStacks(k);
    set(marker, { d: "M" + places[k] + " " + box.top + "V" + box.bottom });
    tell(Number(slider.value));
  },
});
choose(counts, places, settings);
