// What is looked at inside a page. Each function gives a list of complaints, or numbers; `visit.py` calls them.
window.inPage = (function () {
  "use strict";
  const all = function (selector, root) { return Array.from((root || document).querySelectorAll(selector)); };
  const article = function () { return document.querySelector("article, main") || document.body; };
  const named = function (element) { return element.outerHTML.replace(/\s+/g, " ").slice(0, 160); };
  const nextFrame = function () {
    return new Promise(function (resolve) {
      requestAnimationFrame(function () {
        // A message arrives after the frame has been drawn.
        const channel = new MessageChannel();
        channel.port1.onmessage = resolve;
        channel.port2.postMessage(null);
      });
    });
  };

  // Everything that moved without the reader doing anything; the worst burst of at most 5 seconds counts.
  const shifts = [];
  new PerformanceObserver(function (list) {
    for (const entry of list.getEntries()) {
      if (entry.hadRecentInput) continue;
      const moved = (entry.sources || []).map(function (source) { return source.node; });
      shifts.push({ time: entry.startTime, value: entry.value, moved: moved });
    }
  }).observe({ type: "layout-shift", buffered: true });
  performance.setResourceTimingBufferSize(1000);

  function layoutShift() {
    let worst = 0, burst = 0, started = 0, last = 0;
    for (const shift of shifts) {
      if (shift.time - last > 1000 || shift.time - started > 5000) { burst = 0; started = shift.time; }
      burst += shift.value;
      last = shift.time;
      worst = Math.max(worst, burst);
    }
    const largest = shifts.slice().sort(function (a, b) { return b.value - a.value; }).slice(0, 3);
    const moved = largest.map(function (shift) {
      return shift.value.toFixed(3) + " by " + shift.moved.map(function (node) {
        return node ? (node.outerHTML || node.textContent).replace(/\s+/g, " ").slice(0, 80) : "?";
      }).join(", ");
    });
    return { worst: worst, moved: moved };
  }

  async function settled() {
    if (window.MathJax && window.MathJax.startup) await window.MathJax.startup.promise;
    await document.fonts.ready;
    await firstPaint();  // keys pressed before it would count as what makes the page move
    await nextFrame();
  }

  // Until nothing is moving or fading any more.
  async function atRest() {
    await nextFrame();  // in which listeners hear of what changed,
    await nextFrame();  // and by which all that follows has begun
    const fading = function () {
      return document.getAnimations().filter(function (each) { return each.effect.getComputedTiming().endTime < Infinity; });
    };
    while (fading().length) await Promise.allSettled(fading().map(function (each) { return each.finished; }));
  }

  // Those that wait to be seen, and are in a part that is folded away, have no reason to load.
  function shownImages() {
    return Array.from(document.images).filter(function (image) { return image.loading !== "lazy" || image.checkVisibility(); });
  }

  async function scrollThrough() {
    for (let y = 0; y < document.documentElement.scrollHeight; y += 600) {
      window.scrollTo({ top: y, behavior: "instant" });
      await nextFrame();
    }
    for (const image of shownImages()) await image.decode().catch(function () {});  // `images` says which did not load
    // A step back, upon which the theme offers to go back to the top: that button is to be read too.
    window.scrollBy({ top: -300, behavior: "instant" });
    await nextFrame();
  }

  // Bytes of the page and of all that it has loaded so far: as they are sent, up to the load event, and unpacked, in all.
  function bytes() {
    const page = performance.getEntriesByType("navigation")[0];
    let first = page.transferSize, weight = page.decodedBodySize;
    const parts = [];
    for (const part of performance.getEntriesByType("resource")) {
      if (part.responseEnd <= page.loadEventStart) first += part.transferSize;
      weight += part.decodedBodySize;
      parts.push([part.decodedBodySize, part.transferSize, part.name.split("/").pop().split("?")[0]]);
    }
    parts.sort(function (a, b) { return b[0] - a[0]; });
    const largest = parts.slice(0, 5).map(function (part) { return part[2] + " " + part[0] + " (sent: " + part[1] + ")"; });
    return { first: first, weight: weight, largest: largest };
  }

  // Waits for it, since a page may be there before it is drawn.
  async function firstPaint() {
    const started = performance.now(), find = function () { return performance.getEntriesByName("first-contentful-paint")[0]; };
    while (!find() && performance.now() - started < 20000) await nextFrame();
    return find() ? find().startTime : Infinity;
  }

  function images() {
    const complaints = [];
    for (const image of document.images) {
      const alt = image.getAttribute("alt");
      if (alt === null) complaints.push("no alternative text: " + named(image));
      // Sphinx falls back to the file's path, which tells a listener nothing.
      else if (article().contains(image) && (!alt.trim() || /\.(svg|png|jpe?g|gif)$/.test(alt)))
        complaints.push("no alternative text but " + JSON.stringify(alt) + ": " + named(image));
    }
    for (const image of shownImages())
      if (!image.complete || !image.naturalWidth) complaints.push("did not load: " + named(image));
    return complaints;
  }

  function maths() {
    const complaints = [];
    for (const formula of all(".math"))
      if (!formula.querySelector("mjx-container")) complaints.push("not set: " + named(formula));
    for (const formula of all("mjx-container")) {
      const box = formula.getBoundingClientRect();
      if (formula.checkVisibility() && !(box.width && box.height)) complaints.push("empty: " + named(formula));
    }
    for (const error of all("mjx-merror, [data-mjx-error]")) complaints.push("not understood: " + error.textContent);
    const walker = document.createTreeWalker(article(), NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const text = walker.currentNode, inside = text.parentElement.closest("pre, code, script, style, mjx-container");
      if (!inside && /\\[([]|\\begin\{|\$\$|\$\\/.test(text.data)) complaints.push("left as TeX: " + text.data.slice(0, 80));
    }
    return complaints;
  }

  function sideways(onPaper = false) {
    const complaints = [], width = document.documentElement.clientWidth;
    const excess = document.scrollingElement.scrollWidth - width;
    if (excess > 0) complaints.push("the page scrolls sideways, by " + excess + " px");
    const overflow = function (element) { return getComputedStyle(element).overflowX; };
    // What sticks out must be inside something that scrolls, which paper does not; what is cut off cannot be read.
    (function look(element) {
      for (const child of element.children) {
        // What MathJax adds for listeners is a point that nobody sees, but it counts as a part of its formula.
        if (child.localName === "mjx-assistive-mml" || !child.checkVisibility()) continue;
        const beyond = child.closest(".math, mjx-container") ? 0 : child.scrollWidth - child.clientWidth;
        if (onPaper && overflow(child) !== "visible" && child.clientWidth > 1 && beyond > 1)
          complaints.push("cut, by " + beyond + " px: " + named(child));
        if (/auto|scroll/.test(overflow(child)) && !onPaper) continue;
        const box = child.getBoundingClientRect();
        if (box.width > 1 && (box.right > width + 1 || box.left < -1))
          complaints.push("from " + Math.round(box.left) + " to " + Math.round(box.right) + " px: " + named(child));
        else if (child.localName !== "svg") look(child);  // whose parts are cut to its box
      }
    })(article());
    return complaints;
  }

  // Tokens of code are most of the elements of a chapter, and each looks like all others of its kind. They are marked, so
  // that a check of colours can leave them out.
  function markRepeated() {
    const kinds = new Set();
    for (const token of all("pre span")) {
      if (kinds.has(token.className)) token.dataset.repeated = "";
      kinds.add(token.className);
    }
  }

  // Explorers: drawings with sliders.

  const sliders = function () { return all("[class^='supertoy-'] input[type='range']"); };
  const explorer = function (slider) { return slider.closest("[class^='supertoy-']"); };

  function drawing(slider) {
    return all("svg, canvas, img", explorer(slider)).map(function (part) {
      return part.localName === "canvas" ? part.toDataURL() : part.outerHTML;
    }).join("");
  }

  function unlabelled() {
    const complaints = [];
    for (const slider of sliders()) {
      const by = (slider.getAttribute("aria-labelledby") || "").split(/\s+/).filter(Boolean);
      const label = slider.getAttribute("aria-label")
        || by.map(function (id) { return document.getElementById(id)?.textContent || ""; }).join("")
        || Array.from(slider.labels).map(function (label) { return label.textContent; }).join("");
      if (!label.trim()) complaints.push("no label: " + named(slider));
      if (!(slider.getAttribute("aria-valuetext") || "").trim()) complaints.push("no aria-valuetext: " + named(slider));
    }
    return complaints;
  }

  // Give slider k the focus; gives the key that moves it, or null if it cannot be moved.
  function focusSlider(k) {
    const slider = sliders()[k];
    slider.scrollIntoView({ block: "center", behavior: "instant" });
    slider.focus();
    if (document.activeElement !== slider || !slider.checkVisibility()) return null;
    const before = drawing(slider);
    window.answered = new Promise(function (resolve) {
      slider.addEventListener("keydown", async function (event) {
        while (performance.now() - event.timeStamp < 1000) {
          await nextFrame();
          if (drawing(slider) !== before) return resolve(performance.now() - event.timeStamp);
        }
        resolve(null);  // nothing has moved
      }, { once: true });
    });
    return Number(slider.value) > Number(slider.min || 0) ? "ArrowLeft" : "ArrowRight";
  }

  // How long a fixed computation takes, in milliseconds: the quickest of three, since others use the machine too.
  function workTime() {
    const times = [];
    let value = 0;
    for (let k = 0; k < 3; k++) {
      const started = performance.now();
      for (let i = 0; i < 5e6; i++) value = (31 * value + i) % 1000003;
      times.push(performance.now() - started);
    }
    return value < 0 ? NaN : Math.min.apply(null, times);  // uses the value, or nothing would be computed
  }

  return {
    workTime: workTime, atRest: atRest,
    bytes: bytes, firstPaint: firstPaint, focusSlider: focusSlider, images: images, layoutShift: layoutShift,
    markRepeated: markRepeated, maths: maths, scrollThrough: scrollThrough, settled: settled, sideways: sideways,
    unlabelled: unlabelled, repeated: ["[data-repeated]"], nSliders: function () { return sliders().length; },
    describe: function (k) { return named(sliders()[k]); },
  };
})();
