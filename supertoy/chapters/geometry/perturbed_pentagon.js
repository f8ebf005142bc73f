// data: ratio; names and colours of the two solutions; features, their colours; points [feature][2], loss and relative (to
// two digons), each [solution][ratio], null where there is no solution; crossing, a ratio or null.

const features = find(".features"), chart = find(".loss");
const norm = function (point) { return Math.hypot(point[0], point[1]); };
const limit = Math.max(1.25, 1.12 * Math.max.apply(null, data.points.flat(2).filter(Boolean).map(norm)));
const unit = 150 / limit;

// Features: the best solution as arrows, both as outlines through what they represent ---------------------------------

const outlines = data.colours.map(function (colour) {
  return add(features, "path", { stroke: colour, "stroke-width": 1.5, fill: "none", "stroke-linejoin": "round" });
});
const drawing = arrows(features, data.features, 2, unit);
function outline(points) {
  const angle = function (point) { return Math.atan2(point[1], point[0]); };
  const corners = points.filter(function (point) { return norm(point) > 0.5; })
    .sort(function (a, b) { return angle(a) - angle(b); });
  return path(function (v) { return 150 + unit * v; }, function (v) { return 150 - unit * v; }, corners) + "Z";
}
function drawFeatures(k, best) {
  const points = data.points[best][k];
  drawing.draw(points.map(function (p) { return [p[0], p[1], 0]; }), [[1, 0, 0], [0, 1, 0]], points.map(norm), 0);
  outlines.forEach(function (element, s) {
    const here = data.points[s][k];
    set(element, { d: here ? outline(here) : "", "stroke-dasharray": s === best ? "none" : "5 4" });
  });
}

// Losses --------------------------------------------------------------------------------------------------------------

const box = { left: 50, top: 34, right: 294, bottom: 216 };
const found = data.relative.map(function (values) {
  return values.map(function (_, k) { return k; }).filter(function (k) { return values[k] !== null; });
});
const all = data.relative.flat().filter(function (v) { return v !== null; });
const ratioAt = logScale(data.ratio[0], data.ratio[data.ratio.length - 1], box.left + 6, box.right - 6);
const lossAt = linearScale(0, 1.05 * Math.max.apply(null, all), box.bottom, box.top);
ratioAt.ticks = [0.1, 0.2, 0.5, 1, 2, 5];
axes(chart, ratioAt, lossAt, { x: "density of the fifth feature, relative to the others", y: "loss" }, box);
if (data.crossing !== null) {
  const x = ratioAt(data.crossing);
  add(chart, "path", Object.assign({}, faint, { d: "M" + x + " " + box.top + "V" + box.bottom, "stroke-dasharray": "4 4",
    "stroke-opacity": 0.7 }));
  const label = { x: x, y: box.top - 8, fill: "currentColor", "font-size": 11, "text-anchor": "middle" };
  add(chart, "text", label, "crossing, " + (1 / data.crossing).toFixed(1) + " times sparser");
}
data.names.forEach(function (name, s) {
  if (!found[s].length) return;
  const places = found[s].map(function (k) { return [data.ratio[k], data.relative[s][k]]; });
  add(chart, "path", { d: path(ratioAt, lossAt, places), fill: "none", stroke: data.colours[s], "stroke-width": 2.5 });
  // The name stands below the end that is farthest from the other curve.
  const end = places[s === 0 ? places.length - 1 : 0];
  const label = { x: ratioAt(end[0]), y: lossAt(end[1]) + 16, fill: "currentColor", "font-size": 11 };
  add(chart, "text", Object.assign(label, { "text-anchor": s === 0 ? "end" : "start" }), name);
});
const markers = data.colours.map(function (colour) {
  return add(chart, "circle", { r: 5, stroke: colour, "stroke-width": 2 });
});

// All of it -------------------------------------------------------------------------------------------------------------

function words(k) {
  const ratio = data.ratio[k], times = Number((ratio < 1 ? 1 / ratio : ratio).toPrecision(2));
  if (times === 1) return "as dense as the others";
  return times + " times " + (ratio < 1 ? "sparser" : "denser") + " than the others";
}
function bestAt(k) {
  const [pentagon, digons] = data.loss.map(function (losses) { return losses[k] === null ? Infinity : losses[k]; });
  return pentagon <= digons ? 0 : 1;
}
const ratios = frames(data.ratio.length, {
  start: data.ratio.reduce(function (best, ratio, k) {
    return Math.abs(Math.log(ratio)) < Math.abs(Math.log(data.ratio[best])) ? k : best;
  }, 0),
  words: words,
  status: function (k) {
    const best = bestAt(k);
    const lossOf = function (s) {
      const loss = data.loss[s][k];
      return data.names[s] + (loss === null ? ", no solution found" : ", loss " + loss.toPrecision(3));
    };
    return "The fifth feature is " + words(k) + ": " + lossOf(best) + "; " + lossOf(1 - best);
  },
  draw: function (k) {
    const best = bestAt(k);
    drawFeatures(k, best);
    markers.forEach(function (marker, s) {
      const here = data.relative[s][k];
      set(marker, { visibility: here === null ? "hidden" : "visible", fill: s === best ? data.colours[s] : "none" });
      if (here !== null) set(marker, { cx: ratioAt(data.ratio[k]), cy: lossAt(here) });
    });
  },
});
choose(chart, data.ratio.map(ratioAt), ratios);
