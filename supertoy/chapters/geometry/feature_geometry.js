// data: sparsity and dimensions (D*) of each setting, dimensionality [setting][feature] in thousandths, graphs [setting] of
// factors (their shape, features, points x, y, x, y, ..., edges i, j, strength, ...), shapes with their names, colours and
// levels.

const nFeatures = data.dimensionality[0].length;

// D* and dimensionalities, on axes of equal height -------------------------------------------------------------------

const chart = find(".dimensions"), strip = find(".features");
const highest = Math.max.apply(null, data.dimensions.concat(1)), nameY = "D* = m / ‖W‖²";
const box = { left: 50, top: 20, right: 294, bottom: 200 }, narrow = { left: 50, top: 20, right: 186, bottom: 200 };
const [dense, sparse] = extent(data.sparsity);
const sparsityAt = logScale(dense, sparse, 56, 288), dimensionsAt = linearScale(0, highest, 196, 26);
axes(chart, sparsityAt, dimensionsAt, { x: "1/(1 - S), sparser to the right", y: nameY }, box);
[0.5, 1].forEach(function (level) {
  add(chart, "path", Object.assign({ d: "M" + box.left + " " + dimensionsAt(level) + "H" + box.right }, faint));
});
const places = data.sparsity.map(sparsityAt), heights = data.dimensions.map(dimensionsAt);
const curve = path(sparsityAt, dimensionsAt, data.sparsity.map(function (x, k) { return [x, data.dimensions[k]]; }));
add(chart, "path", { d: curve, fill: "none", stroke: "currentColor", "stroke-width": 1.5 });
const marker = add(chart, "path", Object.assign({}, faint, { "stroke-opacity": 0.6 }));
const dot = add(chart, "circle", { r: 5, fill: "currentColor" });

const numberAt = linearScale(1, nFeatures, 54, 182), dimensionalityAt = linearScale(0, 1, 196, 26);
numberAt.ticks = nFeatures > 1 ? [1, nFeatures] : [1];
axes(strip, numberAt, dimensionalityAt, { x: "feature", y: "dimensionality" }, narrow);
// Names beside the lines, as near as they can be without touching each other.
let last = -Infinity;
data.shapes.filter(function (shape) { return shape.level; }).forEach(function (shape) {
  const y = dimensionalityAt(shape.level), beside = Math.max(y, last + 12);
  const line = "M" + narrow.left + " " + y + "H" + narrow.right + "L" + (narrow.right + 7) + " " + beside;
  add(strip, "path", { d: line, fill: "none", stroke: shape.colour });
  add(strip, "text", { x: narrow.right + 10, y: beside, fill: "currentColor", "font-size": 10.5,
    "dominant-baseline": "central" }, shape.fraction + " " + shape.names[0]);
  last = beside;
});

// Everything that has a shape's colour: features in the strip, and lines and dots of the graph. One path holds all marks of
// a kind; a dot is a line without length and with round ends.
const graph = find(".graph"), widths = [0.4, 0.8, 1.2, 1.6, 2];
function dots(drawing, colour, size, opacity) {
  return add(drawing, "path", { fill: "none", stroke: colour, "stroke-width": size, "stroke-linecap": "round",
    "stroke-opacity": opacity });
}
const parts = data.shapes.map(function (shape) {
  return {
    lines: widths.map(function (width) {
      return add(graph, "path", { fill: "none", stroke: shape.colour, "stroke-width": width, "stroke-opacity": 0.7 });
    }),
    dots: dots(graph, shape.colour, 5, 1),
    marks: dots(strip, shape.colour, 4, 0.8),
  };
});
const ignored = dots(strip, "currentColor", 3, 0.35);
const nothing = add(graph, "text", { x: 150, y: 150, fill: "currentColor", "text-anchor": "middle" },
  "no feature has a norm above 1/2");
const list = key(find(".key"), data.shapes.map(function (shape) { return shape.colour; }).concat("transparent"));

function mark(x, y) { return "M" + x + " " + y + "h0"; }
function draw(k) {
  set(marker, { d: "M" + places[k] + " " + box.top + "V" + box.bottom });
  set(dot, { cx: places[k], cy: heights[k] });

  const paths = parts.map(function () { return { lines: widths.map(function () { return []; }), dots: [], marks: [] }; });
  const rest = new Set(data.dimensionality[k].keys());
  data.graphs[k].forEach(function (factor) {
    const into = paths[factor.shape], points = factor.points, edges = factor.edges;
    const at = function (i) { return points[2 * i] + " " + points[2 * i + 1]; };
    factor.features.forEach(function (feature, i) {
      into.dots.push(mark(points[2 * i], points[2 * i + 1]));
      into.marks.push(markInStrip(feature));
      rest.delete(feature);
    });
    for (let e = 0; e < edges.length; e += 3) {
      const width = Math.min(widths.length - 1, Math.floor(edges[e + 2] / 25));
      into.lines[width].push("M" + at(edges[e]) + "L" + at(edges[e + 1]));
    }
  });
  function markInStrip(feature) {
    return mark(numberAt(feature + 1).toFixed(1), dimensionalityAt(data.dimensionality[k][feature] / 1000).toFixed(1));
  }
  parts.forEach(function (part, s) {
    part.lines.forEach(function (line, width) { set(line, { d: paths[s].lines[width].join("") }); });
    set(part.dots, { d: paths[s].dots.join("") });
    set(part.marks, { d: paths[s].marks.join("") });
  });
  set(ignored, { d: Array.from(rest, markInStrip).join("") });
  set(nothing, { visibility: data.graphs[k].length ? "hidden" : "visible" });

  list.show(data.shapes.map(function (shape, s) {
    const factors = data.graphs[k].filter(function (factor) { return factor.shape === s; });
    const n = factors.reduce(function (sum, factor) { return sum + factor.features.length; }, 0);
    return counted(factors.length, shape.names) + (n ? ", " + counted(n, ["feature", "features"]) : "");
  }).concat(counted(rest.size, ["feature", "features"]) + " not represented"));
}
function counted(n, names) { return (n || "no") + " " + names[n === 1 ? 0 : 1]; }

// The first of the settings with the most kinds of shapes.
const kinds = data.graphs.map(function (factors) { return new Set(factors.map(function (f) { return f.shape; })).size; });
const settings = frames(data.sparsity.length, {
  start: kinds.indexOf(Math.max.apply(null, kinds)),
  words: function (k) { return "1/(1 - S) = " + data.sparsity[k]; },
  status: function (k) {
    const shapes = data.shapes.map(function (shape, s) {
      const n = data.graphs[k].filter(function (factor) { return factor.shape === s; }).length;
      return n ? counted(n, shape.names) : "";
    }).filter(Boolean);
    return "1/(1 - S) = " + data.sparsity[k] + ", D* = " + data.dimensions[k] + ": " +
      (shapes.join(", ") || "no feature by itself");
  },
  draw: draw,
});
choose(chart, places, settings);
