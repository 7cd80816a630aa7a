import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundleModule } from "../bundle/bundle_module.ts";
import { config } from "../configuration.ts";

const repository = fileURLToPath(new URL("../../", import.meta.url));
const sources = join(repository, "examples/browser");

/** The page's scripts; the service worker is made last, because it names what the others became. */
const scripts = ["main", "worker", "calibrate"];
/** Files of the page that are served as they are. */
const copies = ["index.html", "style.css"];
/** The files of the demo model that scoring reads, and what is said of it. */
const demoFiles = [
  "README.md",
  "config.json",
  "model.safetensors",
  "tokenizer.json",
  "tokenizer_config.json",
];

/** The forms of packages that need nothing of Node. */
const imports = {
  "csv-parse": `${config.imports["csv-parse"]}/browser/esm`,
  "csv-stringify/sync": `${config.imports["csv-stringify"]}/browser/esm/sync`,
};

/**
 * Writes the browser page and the demo model into a folder.
 *
 * @param folder The folder, made where there is none; files of the page in it are replaced.
 * @returns Bytes of the page's own files, by name.
 */
export async function writePage(folder: string): Promise<ReadonlyMap<string, number>> {
  await Deno.mkdir(folder, { recursive: true });
  for (const name of copies) await copy(join(sources, name), join(folder, name));
  await copy(join(repository, "examples/conversations.jsonl"), join(folder, "examples.jsonl"));
  // Each by itself: together they would take the memory of several compilers.
  for (const name of scripts) {
    // In a page there is a document, and plots need no other.
    const options = { imports, external: ["linkedom"], minify: true };
    await bundleModule(join(sources, `${name}.ts`), join(folder, `${name}.js`), options);
  }
  const files = [...copies, "examples.jsonl", ...scripts.map((name) => `${name}.js`)];
  await writeServiceWorker(folder, files);
  for (const name of demoFiles) {
    await copy(join(repository, "models/demo", name), join(folder, "models/demo", name));
  }
  const sizes = [...files, "service_worker.js"].map(async (name) =>
    [name, (await Deno.stat(join(folder, name))).size] as const
  );
  return new Map(await Promise.all(sizes));
}

async function writeServiceWorker(folder: string, files: readonly string[]): Promise<void> {
  const path = join(folder, "service_worker.js");
  await bundleModule(join(sources, "service_worker.ts"), path, { minify: true });
  const script = await Deno.readTextFile(path);
  const contents = await Promise.all(files.map((name) => Deno.readFile(join(folder, name))));
  const whole = new Blob([...contents, script]);
  const digest = await crypto.subtle.digest("SHA-256", await whole.arrayBuffer());
  const version = [...new Uint8Array(digest.slice(0, 8))]
    .map((byte) => byte.toString(16).padStart(2, "0")).join("");
  // The version makes the browser fetch the files again where one of them is another.
  await Deno.writeTextFile(path, `const page=${JSON.stringify({ version, files })};\n${script}`);
}

async function copy(from: string, to: string): Promise<void> {
  await Deno.mkdir(dirname(to), { recursive: true });
  await Deno.copyFile(from, to);
}
