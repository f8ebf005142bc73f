// What the scripts of all explorers share.

// Found from the script itself: several explorers may be on one page.
const root = document.currentScript.closest(".supertoy-explorer");
const find = function (selector) { return root.querySelector(selector); };
const data = JSON.parse(find("script[type='application/json']").textContent);

function set(element, attributes) {
  for (const name in attributes) element.setAttribute(name, attributes[name]);
  return element;
}
// A new element at the end of another, of the same kind (HTML or SVG).
function add(parent, tag, attributes, text) {
  const element = set(document.createElementNS(parent.namespaceURI, tag), attributes);
  if (text !== undefined) element.textContent = text;
  return parent.appendChild(element);
}
const faint = { stroke: "currentColor", "stroke-opacity": 0.3, fill: "none" };
// An outline for coloured marks, which may be as dark or as light as the page.
const edge = { stroke: "currentColor", "stroke-opacity": 0.35 };

// Axes of charts -----------------------------------------------------------------------------------------------------

// Spreads the values from low to high evenly over a drawing, from start to end.
function linearScale(low, high, start, end) {
  if (low === high) { low -= 0.5; high += 0.5; }
  const scale = function (v) { return start + (end - start) * (v - low) / (high - low); };
  const size = Math.pow(10, Math.floor(Math.log10((high - low) / 2)));
  const step = [5, 2, 1].map(function (m) { return m * size; }).find(function (s) { return (high - low) / s >= 2; });
  scale.ticks = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) {
    scale.ticks.push(Number((k * step).toPrecision(6)));  // 0.3, not 0.30000000000000004
  }
  return scale;
}
// The same on a logarithmic axis.
function logScale(low, high, start, end) {
  if (low === high) { low /= 2; high *= 2; }
  const scale = function (v) { return start + (end - start) * Math.log(v / low) / Math.log(high / low); };
  scale.ticks = [low, high];
  // Ticks are 1, 10, 100, ...; if these are too few, 1, 2, 5, 10, ...; then all digits; otherwise the ends.
  [[1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 5], [1]].forEach(function (steps) {
    const ticks = [], from = Math.min(low, high), to = Math.max(low, high);
    for (let k = Math.floor(Math.log10(from)); k <= Math.ceil(Math.log10(to)); k++) {
      steps.forEach(function (m) { ticks.push(Number(m + "e" + k)); });
    }
    const inside = ticks.filter(function (v) { return from <= v && v <= to; });
    if (inside.length > 1) scale.ticks = inside;
  });
  return scale;
}
function extent(values) { return [Math.min.apply(null, values), Math.max.apply(null, values)]; }

// Two axes with ticks, numbers and names, around the rectangle from (left, top) to (right, bottom) of a chart.
function axes(chart, x, y, names, box) {
  const label = { fill: "currentColor", "font-size": 11, "text-anchor": "middle" };
  const frame = "M" + box.left + " " + box.top + "V" + box.bottom + "H" + box.right;
  add(chart, "path", Object.assign({}, faint, { d: frame, "stroke-opacity": 0.6 }));
  x.ticks.forEach(function (v) {
    add(chart, "path", Object.assign({ d: "M" + x(v) + " " + box.bottom + "v4" }, faint));
    add(chart, "text", Object.assign({ x: x(v), y: box.bottom + 16 }, label), v);
  });
  y.ticks.forEach(function (v) {
    add(chart, "path", Object.assign({ d: "M" + box.left + " " + y(v) + "h-4" }, faint));
    const beside = { x: box.left - 7, y: y(v), "text-anchor": "end", "dominant-baseline": "central" };
    add(chart, "text", Object.assign({}, label, beside), v);
  });
  add(chart, "text", Object.assign({ x: (box.left + box.right) / 2, y: box.bottom + 34 }, label), names.x);
  add(chart, "text", Object.assign({ x: box.left - 44, y: box.top - 9 }, label, { "text-anchor": "start" }), names.y);
}
// The path through points [x, y], in the units of two scales.
function path(x, y, points) {
  return "M" + points.map(function (p) { return x(p[0]).toFixed(1) + " " + y(p[1]).toFixed(1); }).join("L");
}

// Sliders ------------------------------------------------------------------------------------------------------------

// Makes a slider tell screen readers its value in the paper's terms, words(value), and call changed(value) when it moves.
// Returns the function that moves it.
function slides(input, words, changed) {
  function show(value) {
    input.value = value;
    set(input, { "aria-valuetext": words(value) });
    changed(value);
  }
  input.addEventListener("input", function () { show(Number(input.value)); });
  return show;
}

// Frames -------------------------------------------------------------------------------------------------------------

// A slider through n frames, and a button that plays them if the markup has one.
//   draw(k): draws frame k.
//   words(k): the slider's value, see `slides`.
//   status(k): the line below it; words(k) if not given.
//   start: the frame shown first; playing starts over from the other end.
// Returns {show, pause}.
function frames(n, options) {
  const slider = find("input.frame"), button = find("button.play"), line = find(".status");
  const status = options.status || options.words;
  let frame = options.start, timer = null;
  const show = slides(slider, options.words, function (k) {
    frame = k;
    line.textContent = status(k);
    options.draw(k);
  });
  function pause() {
    clearInterval(timer);
    timer = null;
    if (button) button.textContent = "Play";
    set(line, { "aria-live": "polite" });
  }
  function play() {
    const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    button.textContent = "Pause";
    set(line, { "aria-live": "off" });  // nobody could listen to every frame
    if (frame === n - 1) show(0);
    // About eight seconds in all; separate pictures for readers who prefer little motion.
    timer = setInterval(function () {
      if (!root.isConnected) return pause();
      show(frame + 1);
      if (frame === n - 1) pause();
    }, calm ? 700 : Math.max(50, Math.min(250, 8000 / n)));
  }
  if (button) button.addEventListener("click", function () { timer === null ? play() : pause(); });
  slider.addEventListener("input", pause);
  slider.max = n - 1;
  show(frame);
  return { show: show, pause: pause };
}

// Features as arrows -------------------------------------------------------------------------------------------------

// Arrows from the middle of a square of 300 units, one for each colour, numbered from 1. A length of 1 takes `unit` units.
// Returns {draw(places, axisEnds, norms, depth)}. Places and ends are [right, up, towards the reader]. A flat drawing has
// depth 0; otherwise it is the largest distance.
function arrows(drawing, colours, nAxes, unit) {
  function line(element, from, to) {
    set(element, { x1: 150 + unit * from[0], y1: 150 - unit * from[1], x2: 150 + unit * to[0], y2: 150 - unit * to[1] });
  }
  add(drawing, "circle", Object.assign({ cx: 150, cy: 150, r: unit }, faint));
  const axisLines = [];
  for (let k = 0; k < nAxes; k++) axisLines.push(add(drawing, "line", faint));
  const parts = colours.map(function (colour) {
    const group = add(drawing, "g", {});
    return {
      group: group,
      edge: add(group, "line", Object.assign({}, edge, { "stroke-width": 4, "stroke-linecap": "round" })),
      line: add(group, "line", { stroke: colour, "stroke-width": 2.5, "stroke-linecap": "round" }),
      dot: add(group, "circle", Object.assign({ fill: colour }, edge)),
      number: add(drawing, "text", { fill: "currentColor", "text-anchor": "middle", "dominant-baseline": "central" }),
    };
  });

  // Numbers stand beside the dots, away from the origin, where they would cover each other. Features that lie together
  // share a label.
  function drawNumbers(places, norms) {
    const labels = [];
    places.forEach(function (place, i) {
      parts[i].number.textContent = "";
      if (norms[i] < 0.3) return;
      const length = Math.hypot(place[0], place[1]), headOn = length < 0.05;
      const right = headOn ? 0 : place[0] / length, up = headOn ? 1 : place[1] / length;
      const x = 150 + unit * place[0] + 13 * right, y = 150 - unit * place[1] - 13 * up;
      const near = labels.find(function (other) { return Math.hypot(other.x - x, other.y - y) < 12; });
      if (near) near.text += ", " + (i + 1);
      else labels.push({ x: x, y: y, right: right, text: String(i + 1), number: parts[i].number });
    });
    labels.forEach(function (label) {
      label.number.textContent = label.text;
      // A longer text must not reach back over its dot.
      set(label.number, { x: label.x + 3 * (label.text.length - 1) * label.right, y: label.y });
    });
  }

  return {
    draw: function (places, axisEnds, norms, depth) {
      axisLines.forEach(function (axis, k) { line(axis, axisEnds[k].map(function (v) { return -v; }), axisEnds[k]); });
      const order = places.map(function (_, i) { return i; });
      if (depth) order.sort(function (i, j) { return places[i][2] - places[j][2]; });
      order.forEach(function (i) {
        const part = parts[i], place = places[i], near = depth ? place[2] / depth : 0;
        line(part.edge, [0, 0], place);
        line(part.line, [0, 0], place);
        set(part.dot, { cx: 150 + unit * place[0], cy: 150 - unit * place[1], r: 5 + 2.5 * near });
        set(part.group, { opacity: depth ? 0.75 + 0.25 * near : 1 });
        drawing.insertBefore(part.group, parts[0].number);  // the nearest on top
      });
      drawNumbers(places, norms);
    },
  };
}

// Charts with a place for each frame ---------------------------------------------------------------------------------

// Which of the places across a drawing is nearest to the pointer.
function nearest(drawing, places, event) {
  const box = drawing.getBoundingClientRect(), x = drawing.viewBox.baseVal.width * (event.clientX - box.left) / box.width;
  return places.reduce(function (best, place, k) { return Math.abs(place - x) < Math.abs(places[best] - x) ? k : best; }, 0);
}
// A click on a chart shows the frame whose place is nearest.
function choose(chart, places, control) {
  chart.addEventListener("click", function (event) {
    control.pause();
    control.show(nearest(chart, places, event));
  });
}

// Keys to colours ----------------------------------------------------------------------------------------------------

// Fills a list with an entry for each colour. Returns {show(texts)}, which writes the entries; a "no ..." is pale.
function key(list, colours) {
  const entries = colours.map(function (colour) {
    const entry = add(list, "li", {});
    add(entry, "span", { "class": "colour", "aria-hidden": "true" }).style.background = colour;
    return add(entry, "span", {});
  });
  return {
    show: function (texts) {
      texts.forEach(function (text, i) {
        entries[i].textContent = text;
        entries[i].style.opacity = /^no /.test(text) ? 0.8 : 1;
      });
    },
  };
}
