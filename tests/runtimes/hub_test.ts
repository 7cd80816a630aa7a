/** Models by their name on the hub in Node and in Bun, which have no locks of the system. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { bundleModule } from "../../tools/bundle/bundle_module.ts";
import { run } from "../../tools/command.ts";
import { wantedOfTiny, withHub } from "../checkpoint/hub/models.ts";
import { testWhere } from "../requirement.ts";
import { findRuntime } from "./runtimes.ts";

const runtimes = [await findRuntime("node", 20), await findRuntime("bun", 1)];
const missing = runtimes.map(({ missing }) => missing).filter((text) => text !== undefined);
const name = "hf:local/model";
const commit = "a".repeat(40);

testWhere(
  missing.length === runtimes.length ? missing.join("; ") : undefined,
  "Node and Bun bring a model of the hub into the cache, go on after a cut, and read it offline",
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
        const { length } = hub.commits.get(commit)!["model.safetensors"]!;
        let cut: number | undefined = 5000;
        hub.change = (own, { host }) => {
          if (host !== "cdn") return own;
          const answer = { ...own, cut };
          cut = undefined;
          return answer;
        };
        for (const offline of ["0", "1"]) {
          const { ok, output } = await run(program, [main, name, hub.endpoint, cache, offline]);
          assert.ok(ok, output);
          assert.equal(output.trim(), `${name}@${commit} ${length}`);
        }
        // An engine may drop what it had not handed over yet when the connection was cut.
        const asked = hub.requests.filter(({ host }) => host === "cdn");
        const from = Number(/\d+/.exec(asked[1]!.headers.get("range") ?? "0")![0]);
        assert.equal(asked.length, 2);
        assert.equal(from + asked[1]!.sent, length);
        for (const file of wantedOfTiny) {
          const link = `${cache}/models--local--model/snapshots/${commit}/${file}`;
          assert.match(await Deno.readLink(link), /^\.\.\/\.\.\/blobs\//);
        }
      });
    }
    await Deno.remove(folder, { recursive: true });
  },
);
