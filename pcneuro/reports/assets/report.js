"use strict";
// What a report does beside showing: circuits one can zoom into and ask, time courses one can zoom.
(function () {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  function element(tag, text, parent) {
    const made = document.createElement(tag);
    made.textContent = text;
    parent.appendChild(made);
    return made;
  }

  function tell(details, known, whole) {
    details.replaceChildren();
    element("h3", known.title, details);
    const list = element("dl", "", details);
    for (const [what, text] of known.facts) {
      element("dt", what, list);
      element("dd", text, list);
    }
    if (known.equations && whole) {
      element("pre", known.equations, details).tabIndex = 0;
    } else if (known.equations) {
      element("p", "Click it, or press Enter, for its equations.", details).className = "quiet";
    }
  }

  function circuit(figure) {
    const data = read(figure.dataset.of), view = figure.querySelector(".view"), svg = view.querySelector("svg");
    const details = figure.querySelector(".details"), all = svg.viewBox.baseVal;
    const whole = { x: all.x, y: all.y, w: all.width, h: all.height };
    let box = { ...whole }, chosen = null;

    const show = () => svg.setAttribute("viewBox", `${box.x} ${box.y} ${box.w} ${box.h}`);
    function zoom(factor, x, y) {
      const w = Math.min(Math.max(box.w * factor, whole.w / 40), whole.w * 1.5);
      const f = w / box.w;
      box = { x: x - (x - box.x) * f, y: y - (y - box.y) * f, w: w, h: box.h * f };
      show();
    }
    const middle = (f) => zoom(f, box.x + box.w / 2, box.y + box.h / 2);
    const doing = { in: () => middle(0.7), out: () => middle(1 / 0.7), all: () => { box = { ...whole }; show(); } };
    for (const button of figure.querySelectorAll("button")) {
      button.addEventListener("click", () => doing[button.dataset.do]());
    }
    function place(event) {
      const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
      return [at.x, at.y];
    }
    view.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && document.activeElement !== view && !view.contains(document.activeElement)) return;
      event.preventDefault();
      zoom(event.deltaY < 0 ? 0.85 : 1 / 0.85, ...place(event));
    }, { passive: false });
    view.addEventListener("keydown", (event) => {
      const step = box.w / 8;
      const keys = {
        "+": doing.in, "=": doing.in, "-": doing.out, "0": doing.all,
        ArrowLeft: () => { box.x -= step; show(); }, ArrowRight: () => { box.x += step; show(); },
        ArrowUp: () => { box.y -= step; show(); }, ArrowDown: () => { box.y += step; show(); },
      };
      if (keys[event.key] && !event.ctrlKey && !event.metaKey) {
        event.preventDefault();
        keys[event.key]();
      }
    });
    let from = null;
    view.addEventListener("pointerdown", (event) => { if (event.pointerType === "mouse") from = place(event); });
    view.addEventListener("pointermove", (event) => {
      if (!from) return;
      const [x, y] = place(event);
      box.x += from[0] - x;
      box.y += from[1] - y;
      show();
    });
    for (const name of ["pointerup", "pointerleave"]) view.addEventListener(name, () => { from = null; });

    for (const [id, known] of Object.entries(data)) {
      const part = document.getElementById(id);
      if (!part) continue;
      part.classList.add("part");
      part.setAttribute("tabindex", "0");
      part.setAttribute("role", "button");
      part.setAttribute("aria-label", [known.title, ...known.facts.map(([w, t]) => `${w} ${t}`)].join(", "));
      const look = () => { if (!chosen) tell(details, known, false); };
      const choose = () => {
        if (chosen) chosen.classList.remove("chosen");
        chosen = chosen === part ? null : part;
        if (chosen) part.classList.add("chosen");
        tell(details, known, Boolean(chosen));
      };
      part.addEventListener("mouseenter", look);
      part.addEventListener("focus", look);
      part.addEventListener("click", choose);
      part.addEventListener("keydown", (event) => {
        if (event.key === "Enter" || event.key === " ") {
          event.preventDefault();
          choose();
        }
      });
    }
  }

  function course(place) {
    const data = read(place.dataset.of);
    const strokes = ["--c0", "--c1", "--c2", "--c3", "--c4", "--c5", "--c6", "--c7"];
    const axis = { stroke: () => colour("--ink"), grid: { stroke: () => colour("--line") }, ticks: { stroke: () => colour("--line") } };
    const options = {
      width: place.clientWidth, height: 260, scales: { x: { time: false } },
      cursor: { drag: { x: true, y: false } },
      axes: [{ ...axis, label: data.axis, labelSize: 22 }, { ...axis, size: 64 }],
      series: [{ label: data.axis }, ...data.names.map((name, k) => (
        { label: name, stroke: () => colour(strokes[k % strokes.length]), width: 1.5 }))],
    };
    // Where a line has no point it goes on to its next one; where it has one without a number there is a gap.
    const joined = uPlot.join(data.tables);
    const plot = new uPlot(options, joined, place);
    const first = joined[0][0], last = joined[0][joined[0].length - 1];
    place.addEventListener("keydown", (event) => {
      const { min, max } = plot.scales.x, middle = (min + max) / 2, half = (max - min) / 2;
      const to = (low, high) => plot.setScale("x", { min: Math.max(low, first), max: Math.min(high, last) });
      const move = (by) => {
        const step = Math.max(Math.min(by * half / 2, last - max), first - min);
        to(min + step, max + step);
      };
      const keys = {
        "+": () => to(middle - 0.7 * half, middle + 0.7 * half), "-": () => to(middle - half / 0.7, middle + half / 0.7),
        "0": () => to(first, last), ArrowLeft: () => move(-1), ArrowRight: () => move(1),
      };
      keys["="] = keys["+"];
      if (keys[event.key] && !event.ctrlKey && !event.metaKey) {
        event.preventDefault();
        keys[event.key]();
      }
    });
    new ResizeObserver(() => plot.setSize({ width: place.clientWidth, height: 260 })).observe(place);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => plot.redraw());
  }

  for (const figure of document.querySelectorAll("figure.circuit")) circuit(figure);
  for (const place of document.querySelectorAll(".course")) course(place);
})();
