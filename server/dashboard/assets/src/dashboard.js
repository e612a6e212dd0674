// What pages do beyond links and forms. Every page reads and works without this file.

import htmx from "htmx.org";
import { drawFigures, redrawAll } from "./figures.js";
import { copyButtons, saveButtons } from "./exports.js";
import { sliders } from "./sliders.js";
import { themeButton } from "./theme.js";

Object.assign(htmx.config, {
  allowEval: false,
  includeIndicatorStyles: false, // they would be inline, and app.css has its own
  inlineScriptNonce: "",
  historyCacheSize: 0, // pages hold estimates: none of them is left in the browser's storage
  refreshOnHistoryMiss: true,
  scrollIntoViewOnBoost: false,
});

function enliven(root) {
  drawFigures(root);
  copyButtons(root);
  saveButtons(root);
  sliders(root);
}

document.documentElement.classList.add("js");
document.addEventListener("DOMContentLoaded", () => {
  themeButton(document.querySelector("[data-theme-button]"), redrawAll);
  enliven(document.body);
});
document.addEventListener("htmx:afterSettle", (event) => enliven(event.detail.elt.isConnected ? event.detail.elt : document.body));

let width = window.innerWidth;
let waiting = 0;
window.addEventListener("resize", () => {
  if (window.innerWidth === width) return;
  width = window.innerWidth;
  cancelAnimationFrame(waiting);
  waiting = requestAnimationFrame(redrawAll);
});
