// Bundles src/ and its three dependencies into one file below ../static, named by its content, with the notices of
// everything that went in. Run by `npm ci && npm run build` when src/ changes; the service itself never runs Node.

import { createHash } from "node:crypto";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { build } from "esbuild";

const STATIC = path.resolve(import.meta.dirname, "../static");

const result = await build({
  entryPoints: [path.join(import.meta.dirname, "src/dashboard.js")],
  bundle: true,
  minify: true,
  format: "iife",
  target: ["es2022"],
  legalComments: "none",
  metafile: true,
  write: false,
  outdir: STATIC,
});

const script = result.outputFiles[0].contents;
const sha256 = createHash("sha256").update(script).digest("hex");
const file = `dashboard-${sha256.slice(0, 12)}.js`;

for (const name of await readdir(STATIC)) {
  if (/^dashboard-.*\.js$/.test(name)) await rm(path.join(STATIC, name));
}
await writeFile(path.join(STATIC, file), script);
await writeFile(path.join(STATIC, "bundle.json"), JSON.stringify({ file, sha256, bytes: script.length }, null, 2) + "\n");
await writeFile(path.join(STATIC, "THIRD_PARTY_NOTICES.txt"), await notices(Object.keys(result.metafile.inputs)));
console.log(`${file}: ${script.length} bytes`);

async function notices(inputs) {
  const folders = new Set();
  for (const input of inputs) {
    const found = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input);
    if (found) folders.add(found[1]);
  }
  const parts = [];
  for (const folder of [...folders].sort()) {
    const { name, version, license } = JSON.parse(await readFile(path.join(folder, "package.json"), "utf8"));
    const text = await licenceText(folder, name);
    parts.push(`${name} ${version} (${license})\n${"-".repeat(60)}\n${text.trim()}\n`);
  }
  return "The dashboard's script contains these packages.\n\n" + parts.join("\n\n");
}

async function licenceText(folder, name) {
  const file = (await readdir(folder)).find((entry) => /^licen[cs]e/i.test(entry));
  if (file) return readFile(path.join(folder, file), "utf8");
  const readme = (await readdir(folder)).find((entry) => /^readme/i.test(entry));
  const text = readme ? await readFile(path.join(folder, readme), "utf8") : "";
  const section = /#+ *licen[cs]e\b[\s\S]*/i.exec(text);
  if (!section) throw new Error(`${name} names no licence text: look at it before it is bundled`);
  return section[0];
}
