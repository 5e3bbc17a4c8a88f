// Builds static/dist, or the directory that is named: the CSS, our own scripts,
// htmx, the policy's editor and the logo, each under a name that carries a hash of
// its content, beside it compressed as .br and .gz, manifest.json with the names,
// and icons.json, which the pages are made of.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { build } from "esbuild";
import { writeIcons } from "./icons.mjs";

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
  "editor.js": await editor(),
  "logo.svg": read("static/src/logo.svg"),
};

// editor is CodeMirror with what the policy needs of it, which only the page that
// edits the policy loads. It goes out with its licence.
async function editor() {
  const license = read("node_modules/@codemirror/view/LICENSE").trim();
  const built = await build({
    entryPoints: ["static/src/editor/editor.js"], bundle: true, minify: true, write: false,
    format: "iife", target: "es2022", legalComments: "none", banner: { js: `/* CodeMirror and Lezer:\n${license}\n*/` },
  });
  return built.outputFiles[0].text;
}

mkdirSync(dist, { recursive: true });
writeIcons(dist);
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
const current = new Set([...Object.values(manifest).flatMap((name) => [name, name + ".br", name + ".gz"]), "manifest.json", "icons.json", ".gitkeep"]);
for (const file of readdirSync(dist)) {
  if (!current.has(file)) rmSync(join(dist, file));
}
