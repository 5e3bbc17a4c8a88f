// The icons that the pages name, as ui.Icon("name") or in a field Icon: "name".
// Run by itself it writes them into a directory that is named.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const read = (file) => readFileSync(file, "utf8");

// writeIcons puts the drawing of each icon, what is inside its <svg>, and the
// license of the set into icons.json. An icon that the set does not have fails
// the build.
export function writeIcons(dir) {
  const names = new Set();
  for (const file of readdirSync("views", { recursive: true })) {
    if (!file.endsWith(".templ")) continue;
    for (const [, name] of read(join("views", file)).matchAll(/\bIcon(?:\(|:\s*)"([a-z0-9-]+)"/g)) names.add(name);
  }
  const drawings = {};
  for (const name of [...names].sort()) {
    const svg = read(`node_modules/lucide-static/icons/${name}.svg`);
    const inner = svg.slice(svg.indexOf(">", svg.indexOf("<svg")) + 1, svg.lastIndexOf("</svg>"));
    drawings[name] = inner.replace(/\s+/g, " ").replace(/> </g, "><").trim();
  }
  const license = read("node_modules/lucide-static/icons/server.svg").match(/<!--.*?-->/)[0];
  writeFileSync(join(dir, "icons.json"), JSON.stringify({ license, drawings }, null, 2));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeIcons(process.argv[2]);
