"use strict";
// The charts of the page: a bar per answer that moves with every look, and the entropy so far.

function make(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

function shareWords(share) {
  if (share > 0 && share < 0.005) return "<1 %";
  if (share >= 0.995 && share < 1 - 1e-9) return ">99 %";
  return `${Math.round(100 * share)} %`;
}

function addBar(row) {
  const bar = make("span", "bar");
  bar.append(make("i"), make("u"));
  row.append(bar, make("span", "share"));
}

// Moves a row's bar to a share; the outline stays where it was before the latest look (null: at the
// first view). A share of null has no bar.
function moveBar(row, share, before) {
  const fill = row.querySelector("i"), ghost = row.querySelector("u");
  row.querySelector(".share").textContent = share === null ? "" : shareWords(share);
  ghost.hidden = !(before > 0.004);
  if (!ghost.hidden) ghost.style.width = `${100 * before}%`;
  if (!fill.style.width && before !== null) fill.style.width = `${100 * before}%`;
  fill.getBoundingClientRect(); // laid out now, so that the bar starts from there
  fill.style.width = `${100 * (share || 0)}%`;
}

function draw(tag, attributes, text) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text) node.textContent = text;
  return node;
}

// The entropy after every look, as a line from the left; the dashed line is that of equally likely
// answers, and there is room for a number of looks.
function drawCurve(svg, values, nothingKnown, room) {
  const width = 300, height = 96, top = 16, bottom = 90;
  const most = Math.max(nothingKnown, ...values, 1e-6);
  const y = value => bottom - (value / most) * (bottom - top);
  const points = values.map((value, index) => [5 + (index * (width - 10)) / Math.max(1, room - 1), y(value)]);
  const line = points.map(point => point.map(v => v.toFixed(1)).join(",")).join(" ");
  const dots = points.map(([cx, cy], index) => {
    const latest = index === points.length - 1;
    return draw("circle", {cx, cy, r: latest ? 4.5 : 2.5, class: latest ? "latest" : ""});
  });
  svg.replaceChildren(
    draw("line", {class: "floor", x1: 0, x2: width, y1: bottom, y2: bottom}),
    draw("line", {class: "most", x1: 0, x2: width, y1: y(nothingKnown), y2: y(nothingKnown)}),
    draw("text", {x: width, y: y(nothingKnown) - 4, "text-anchor": "end"}, "nothing known"),
    draw("polygon", {
      class: "area",
      points: `${points[0][0]},${bottom} ${line} ${points.at(-1)[0]},${bottom}`,
    }),
    draw("polyline", {class: "line", points: line}),
    ...dots,
  );
}
