// Builds static/dist, or the directory that is named: the CSS, our own script and
// htmx, each under a name that carries a hash of its content, and manifest.json
// with those names.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const dist = process.argv[2] ?? "static/dist";
const scratch = join(tmpdir(), `portal-assets-${process.pid}.css`);

execFileSync("node_modules/.bin/tailwindcss", ["--input", "static/src/app.css", "--output", scratch, "--minify"], {
  stdio: ["ignore", "ignore", "inherit"],
});

// htmx looks through the page once it has run. Its extension is in the same
// file, because one that arrives later is too late: the page would get no live
// updates.
const sources = {
  "app.css": [scratch],
  "app.js": ["static/src/app.js"],
  "htmx.js": ["node_modules/htmx.org/dist/htmx.min.js", "node_modules/htmx.org/dist/ext/hx-sse.min.js"],
};

mkdirSync(dist, { recursive: true });
const manifest = {};
const read = (source) => readFileSync(source, "utf8").replace(/\n\/\/# sourceMappingURL=.*\s*$/, "\n");
for (const [name, parts] of Object.entries(sources)) {
  const content = parts.map(read).join(";\n");
  const hash = createHash("sha256").update(content).digest("hex").slice(0, 12);
  manifest[name] = name.replace(".", `-${hash}.`);
  writeFileSync(join(dist, manifest[name]), content);
}
rmSync(scratch);

// The manifest comes last: until it is there, the assets are not complete.
writeFileSync(join(dist, "manifest.new"), JSON.stringify(manifest, null, 2));
renameSync(join(dist, "manifest.new"), join(dist, "manifest.json"));
const current = new Set([...Object.values(manifest), "manifest.json", ".gitkeep"]);
for (const file of readdirSync(dist)) {
  if (!current.has(file)) rmSync(join(dist, file));
}
