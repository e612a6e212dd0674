// Take a figure or a snippet away: SVG and PNG from what is drawn, text to the clipboard.

export function copyButtons(root) {
  for (const button of root.querySelectorAll("[data-copy]")) {
    if (button.dataset.ready) continue;
    button.dataset.ready = "yes";
    button.hidden = false;
    button.addEventListener("click", async () => {
      const source = document.getElementById(button.dataset.copy);
      const said = button.textContent;
      try {
        await navigator.clipboard.writeText(source.textContent.trim());
        button.textContent = "Copied";
      } catch {
        window.getSelection().selectAllChildren(source); // no clipboard here: the keyboard's own copy works on what is selected
        button.textContent = "Selected";
      }
      setTimeout(() => (button.textContent = said), 1500);
    });
  }
}

export function saveButtons(root) {
  for (const button of root.querySelectorAll("[data-save]")) {
    if (button.dataset.ready) continue;
    button.dataset.ready = "yes";
    button.hidden = false;
    button.addEventListener("click", async () => {
      const figure = button.closest("figure");
      const drawn = standalone(figure.querySelector(".plot > svg"));
      const svg = new Blob([new XMLSerializer().serializeToString(drawn)], { type: "image/svg+xml" });
      const name = figure.dataset.name;
      if (button.dataset.save === "svg") offer(svg, `${name}.svg`);
      else offer(await painted(svg, drawn), `${name}.png`);
    });
  }
}

// A copy that needs no style sheet: every colour and font that the page gave it is written into it.
function standalone(svg) {
  const copy = svg.cloneNode(true);
  const from = [svg, ...svg.querySelectorAll("*")];
  const to = [copy, ...copy.querySelectorAll("*")];
  from.forEach((element, index) => {
    const style = getComputedStyle(element);
    for (const name of ["fill", "stroke", "opacity", "font-family", "font-size", "font-weight", "color"]) {
      to[index].setAttribute(name, style.getPropertyValue(name));
    }
  });
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.removeAttribute("aria-hidden");
  const ground = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  ground.setAttribute("width", "100%");
  ground.setAttribute("height", "100%");
  ground.setAttribute("fill", getComputedStyle(document.body).backgroundColor);
  copy.prepend(ground);
  return copy;
}

async function painted(blob, svg) {
  const scale = 2;
  const address = URL.createObjectURL(blob);
  const image = new Image();
  image.src = address;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = scale * Number(svg.getAttribute("width"));
  canvas.height = scale * Number(svg.getAttribute("height"));
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  URL.revokeObjectURL(address);
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

function offer(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
