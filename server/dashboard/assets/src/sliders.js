// A range input beside each number that has stops. The number is the form's value; the slider only moves it. While it moves,
// the page's own curve is marked at once, and the server's full answer follows.

import { markCurves } from "./figures.js";

export function sliders(root) {
  for (const box of root.querySelectorAll("[data-stops]")) {
    if (box.dataset.ready) continue;
    box.dataset.ready = "yes";
    connect(box);
  }
}

function connect(box) {
  const stops = box.dataset.stops.split(" ").map(Number);
  const number = box.querySelector("input[name]");
  const range = document.createElement("input");
  range.type = "range";
  range.min = 0;
  range.max = stops.length - 1;
  range.step = 1;
  range.setAttribute("aria-label", `${box.dataset.label}, slider`);
  const place = () => {
    const value = Number(number.value.replaceAll(",", ""));
    range.value = nearest(stops, value);
    range.setAttribute("aria-valuetext", number.value);
  };
  place();
  range.addEventListener("input", () => {
    number.value = String(stops[range.value]);
    range.setAttribute("aria-valuetext", number.value);
    markCurves(number.name, stops[range.value]);
    number.dispatchEvent(new Event("input", { bubbles: true }));
  });
  number.addEventListener("change", place);
  box.querySelector("[data-slider]").prepend(range);
}

function nearest(stops, value) {
  let best = 0;
  stops.forEach((stop, index) => {
    if (Math.abs(Math.log(stop / value)) < Math.abs(Math.log(stops[best] / value))) best = index;
  });
  return best;
}
