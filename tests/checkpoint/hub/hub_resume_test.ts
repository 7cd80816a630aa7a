import assert from "node:assert/strict";
import { hubFolder } from "../../../src/checkpoint/hub/hub_folder.ts";
import { testWhere } from "../../requirement.ts";
import { etagOfBytes, type HubServer } from "./hub_server.ts";
import { filesBelow, type HubTest, refused, withHub } from "./models.ts";

const commit = "a".repeat(40);
const name = "hf:local/model";
const weights = "model.safetensors";

function weightsOf(hub: HubServer): Uint8Array<ArrayBuffer> {
  return hub.commits.get(commit)![weights]!;
}

function blobOf({ hub, cache }: HubTest): string {
  return `${cache}/models--local--model/blobs/${etagOfBytes(weights, weightsOf(hub))}`;
}

/** Holds that all files are there and whole. */
async function checkFiles({ hub, cache }: HubTest): Promise<void> {
  const folder = `${cache}/models--local--model/snapshots/${commit}`;
  for (const path of await filesBelow(folder)) {
    assert.deepEqual(await Deno.readFile(`${folder}/${path}`), hub.commits.get(commit)![path]);
  }
  const left = await filesBelow(`${cache}/models--local--model/blobs`);
  assert.deepEqual(left.filter((file) => /incomplete|tmp/.test(file)), []);
}

Deno.test("cut at 20 places, a download goes on and no byte that came is sent twice", async () => {
  await withHub(async (given) => {
    const { hub, options } = given;
    const { length } = weightsOf(hub);
    const places = Array.from({ length: 20 }, (_, i) => Math.floor((i + 1) * length / 21));
    let from = 0;
    hub.change = (own, { host }) => {
      const place = host === "cdn" ? places.shift() : undefined;
      if (place === undefined) return own;
      const cut = place - from;
      from = place;
      return { ...own, cut };
    };
    await hubFolder(name, options);
    assert.equal(places.length, 0);
    assert.equal(hub.requests.filter(({ host }) => host === "cdn").length, 21);
    assert.equal(hub.sentOf(weights), length);
    await checkFiles(given);
  });
});

/** A process that fetches the model. */
function fetching({ hub, cache }: HubTest): Deno.ChildProcess {
  const program = new URL("fetch_program.ts", import.meta.url).pathname;
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", "--no-check", program, name, hub.endpoint, cache],
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** Waits until a file has so many bytes. */
async function untilBytes(path: string, bytes: number): Promise<void> {
  while ((await Deno.stat(path).catch(() => undefined))?.size !== bytes) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

Deno.test("killed at a random place and run again, it goes on where it was, and its lock is gone", async () => {
  await withHub(async (given) => {
    const { hub } = given;
    const { length } = weightsOf(hub);
    const cut = 1 + Math.floor(Math.random() * (length - 1));
    const { promise, resolve } = Promise.withResolvers<void>();
    hub.change = (own, { host }) => host === "cdn" ? { ...own, cut, until: promise } : own;
    await using killed = fetching(given);
    await untilBytes(`${blobOf(given)}.incomplete`, cut);
    killed.kill("SIGKILL");
    await killed.output();
    resolve();
    hub.change = (own) => own;
    const { code, stdout } = await fetching(given).output();
    assert.equal(code, 0);
    assert.equal(new TextDecoder().decode(stdout), `${name}@${commit}\n`);
    assert.equal(hub.sentOf(weights), length, `cut at ${cut}`);
    assert.equal(hub.sentOf("tokenizer.json"), hub.commits.get(commit)!["tokenizer.json"]!.length);
    await checkFiles(given);
  });
});

Deno.test("of two processes at once one downloads, and the other waits and uses what came", async () => {
  await withHub(async (given) => {
    const { hub } = given;
    const { promise, resolve } = Promise.withResolvers<void>();
    hub.change = async (own, { host }) => {
      if (host === "cdn") await promise; // until the other waits
      return own;
    };
    const both = [fetching(given), fetching(given)];
    const told = both.map(async ({ stderr }) => {
      let text = "";
      for await (const bytes of stderr) {
        text += new TextDecoder().decode(bytes);
        if (text.includes("another process downloads model.safetensors")) resolve();
      }
      return text;
    });
    const statuses = await Promise.all(both.map(async (process) => {
      const reader = process.stdout.getReader();
      const { value } = await reader.read();
      await reader.cancel();
      return [(await process.status).code, new TextDecoder().decode(value)];
    }));
    const texts = await Promise.all(told);
    assert.deepEqual(
      statuses,
      [[0, `${name}@${commit}\n`], [0, `${name}@${commit}\n`]],
      texts.join(),
    );
    assert.equal(hub.sentOf(weights), weightsOf(hub).length);
    await checkFiles(given);
  });
});

Deno.test("what a crash left that is not the file's is fetched anew, once", async () => {
  await withHub(async (given) => {
    const { hub, options } = given;
    await hubFolder(name, { ...options, weights: false });
    await Deno.writeFile(`${blobOf(given)}.incomplete`, new Uint8Array(1000));
    await hubFolder(name, options);
    const ranges = hub.requests.filter(({ host }) => host === "cdn").map(({ headers }) =>
      headers.get("range")
    );
    assert.deepEqual(ranges, ["bytes=1000-", null]);
    await checkFiles(given);
  });
  await withHub(async (given) => {
    const { hub, options } = given;
    await hubFolder(name, { ...options, weights: false });
    await Deno.writeFile(`${blobOf(given)}.incomplete`, new Uint8Array(weightsOf(hub).length + 1));
    await hubFolder(name, options);
    await checkFiles(given);
  });
});

Deno.test("all bytes there and the name not yet: nothing is asked for", async () => {
  await withHub(async (given) => {
    const { hub, options } = given;
    await hubFolder(name, { ...options, weights: false });
    await Deno.writeFile(`${blobOf(given)}.incomplete`, weightsOf(hub));
    await hubFolder(name, options);
    assert.equal(hub.sentOf(weights), 0);
    await checkFiles(given);
  });
});

Deno.test("a server that knows no ranges sends all of it again", async () => {
  await withHub(async (given) => {
    const { hub, options } = given;
    let cut: number | undefined = 5000;
    hub.change = (own, { host }) => {
      if (host !== "cdn") return own;
      const answer = { status: 200, body: weightsOf(hub), cut };
      cut = undefined;
      return answer;
    };
    await hubFolder(name, options);
    await checkFiles(given);
  });
});

Deno.test("a signal ends a download, and what came stays", async () => {
  await withHub(async (given) => {
    const { hub, options } = given;
    const { promise, resolve } = Promise.withResolvers<void>();
    hub.change = (own, { host }) => host === "cdn" ? { ...own, cut: 7000, until: promise } : own;
    const controller = new AbortController();
    const work = hubFolder(name, { ...options, signal: controller.signal });
    work.catch(() => {});
    await untilBytes(`${blobOf(given)}.incomplete`, 7000);
    controller.abort(new Error("enough"));
    await assert.rejects(work, /enough/);
    resolve();
    assert.equal((await Deno.stat(`${blobOf(given)}.incomplete`)).size, 7000);
    hub.change = (own) => own;
    await hubFolder(name, options);
    assert.equal(hub.sentOf(weights), weightsOf(hub).length);
  });
});

const noFullDevice = await Deno.stat("/dev/full").then(() => undefined, () => "no /dev/full here");

testWhere(noFullDevice, "a full disk is told as one", async () => {
  await withHub(async (given) => {
    const { options } = given;
    await hubFolder(name, { ...options, weights: false });
    await Deno.symlink("/dev/full", `${blobOf(given)}.incomplete`);
    await refused(hubFolder(name, options), "checkpoint/disk-full", /room for 183016 bytes/);
    await Deno.remove(`${blobOf(given)}.incomplete`);
    await hubFolder(name, options);
    await checkFiles(given);
  });
});

Deno.test("more than the disk has left is refused before anything of it comes", async () => {
  await withHub(async ({ hub, options }) => {
    hub.change = (own, { url }) => {
      if (!url.pathname.includes("/tree/") || typeof own.body !== "string") return own;
      const entries = JSON.parse(own.body);
      for (const entry of entries) if (entry.lfs) entry.lfs.size = entry.size = 2 ** 52;
      return { ...own, body: JSON.stringify(entries) };
    };
    await refused(hubFolder(name, options), "checkpoint/disk-full", /expected room for 45035996/);
    assert.equal(hub.sentOf("tokenizer.json"), 0);
  });
});
