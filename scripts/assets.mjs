// Builds static/dist, or the directory that is named: the CSS, our own scripts,
// htmx, the logo and the icons, each under a name that carries a hash of its
// content, beside it compressed as .br and .gz, and manifest.json with the names.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";

const dist = process.argv[2] ?? "static/dist";
const scratch = join(tmpdir(), `portal-assets-${process.pid}.css`);

execFileSync("node_modules/.bin/tailwindcss", ["--input", "static/src/app.css", "--output", scratch, "--minify"], {
  stdio: ["ignore", "ignore", "inherit"],
});

// htmx looks through the page once it has run. Its extension is in the same
// file, because one that arrives later is too late: the page would get no live
// updates.
const read = (source) => readFileSync(source, "utf8").replace(/\n\/\/# sourceMappingURL=.*\s*$/, "\n");
const sources = {
  "app.css": read(scratch),
  "app.js": ["static/src/app.js", "static/src/forms.js"].map(read).join("\n"),
  "htmx.js": ["node_modules/htmx.org/dist/htmx.min.js", "node_modules/htmx.org/dist/ext/hx-sse.min.js"].map(read).join(";\n"),
  "logo.svg": read("static/src/logo.svg"),
  "icons.svg": icons(),
};

// icons is a sprite of the icons that the pages name, as ui.Icon("name") or in a
// field Icon: "name". One that the set does not have fails the build.
function icons() {
  const names = new Set();
  for (const file of readdirSync("views", { recursive: true })) {
    if (!file.endsWith(".templ")) continue;
    for (const [, name] of read(join("views", file)).matchAll(/\bIcon(?:\(|:\s*)"([a-z0-9-]+)"/g)) names.add(name);
  }
  const symbols = [...names].sort().map((name) => {
    const svg = read(`node_modules/lucide-static/icons/${name}.svg`);
    const inner = svg.slice(svg.indexOf(">", svg.indexOf("<svg")) + 1, svg.lastIndexOf("</svg>"));
    return `<symbol id="${name}" viewBox="0 0 24 24">${inner.replace(/\s+/g, " ").trim()}</symbol>`;
  });
  const license = read("node_modules/lucide-static/icons/server.svg").match(/<!--.*?-->/)[0];
  return `${license}\n<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("")}</svg>\n`;
}

mkdirSync(dist, { recursive: true });
const manifest = {};
for (const [name, content] of Object.entries(sources)) {
  const hash = createHash("sha256").update(content).digest("hex").slice(0, 12);
  manifest[name] = name.replace(".", `-${hash}.`);
  writeFileSync(join(dist, manifest[name]), content);
  writeFileSync(join(dist, manifest[name] + ".br"), brotliCompressSync(content));
  writeFileSync(join(dist, manifest[name] + ".gz"), gzipSync(content, { level: 9 }));
}
rmSync(scratch);

// The manifest comes last: until it is there, the assets are not complete.
writeFileSync(join(dist, "manifest.new"), JSON.stringify(manifest, null, 2));
renameSync(join(dist, "manifest.new"), join(dist, "manifest.json"));
const current = new Set([...Object.values(manifest).flatMap((name) => [name, name + ".br", name + ".gz"]), "manifest.json", ".gitkeep"]);
for (const file of readdirSync(dist)) {
  if (!current.has(file)) rmSync(join(dist, file));
}
