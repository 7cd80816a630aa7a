/** Models by their name on the hub in Node and in Bun, which have no locks of the system. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { bundleModule } from "../../tools/bundle/bundle_module.ts";
import { run } from "../../tools/command.ts";
import { etagOfBytes } from "../checkpoint/hub/hub_server.ts";
import { wantedOfTiny, withHub } from "../checkpoint/hub/models.ts";
import { testWhere } from "../requirement.ts";
import { findRuntime } from "./runtimes.ts";

const runtimes = [await findRuntime("node", 20), await findRuntime("bun", 1)];
const missing = runtimes.map(({ missing }) => missing).filter((text) => text !== undefined);
const name = "hf:local/model";
const commit = "a".repeat(40);

testWhere(
  missing.length === runtimes.length ? missing.join("; ") : undefined,
  "Node and Bun bring a model of the hub into the cache, go on where another process ended, and read it offline",
  async () => {
    const folder = await Deno.makeTempDir();
    const bundle = join(folder, "hub.mjs");
    await bundleModule("src/checkpoint/hub/hub_folder.ts", bundle);
    const main = join(folder, "main.mjs");
    await Deno.writeTextFile(
      main,
      `import { hubFolder } from ${JSON.stringify(pathToFileURL(bundle).href)};
const [name, endpoint, cache, offline] = process.argv.slice(2);
const folder = await hubFolder(name, { endpoint, cache, offline: offline === "1", backoff: 1 });
const file = await folder.open("model.safetensors");
console.log(folder.name, file.byteLength);
`,
    );
    for (const { program } of runtimes) {
      if (program === undefined) continue;
      await withHub(async ({ hub, cache }) => {
        const bytes = hub.commits.get(commit)!["model.safetensors"]!;
        const blobs = `${cache}/models--local--model/blobs`;
        await Deno.mkdir(blobs, { recursive: true });
        const part = `${blobs}/${etagOfBytes("model.safetensors", bytes)}.incomplete`;
        await Deno.writeFile(part, bytes.subarray(0, 5000)); // of a process that was killed
        // Connections end once the client ends them: Node's fetch may fall over an end while it pauses
        // (nodejs/undici#5360).
        const { promise, resolve } = Promise.withResolvers<void>();
        hub.change = (own) => ({ ...own, until: promise });
        for (const offline of ["0", "1"]) {
          const { ok, output } = await run(program, [main, name, hub.endpoint, cache, offline]);
          assert.ok(ok, output);
          assert.equal(output.trim(), `${name}@${commit} ${bytes.length}`);
        }
        resolve();
        assert.equal(hub.sentOf("model.safetensors"), bytes.length - 5000);
        for (const file of wantedOfTiny) {
          const link = `${cache}/models--local--model/snapshots/${commit}/${file}`;
          assert.match(await Deno.readLink(link), /^\.\.\/\.\.\/blobs\//);
        }
      });
    }
    await Deno.remove(folder, { recursive: true });
  },
);
