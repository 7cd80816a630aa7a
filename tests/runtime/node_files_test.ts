/** The files of Node, which Deno has too, held to Deno's own: the same calls, the same outcomes. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type Failure, failureOf } from "../../src/runtime/failure.ts";
import type { Files, OpenOptions } from "../../src/runtime/file_types.ts";
import { nodeFiles } from "../../src/runtime/node_files.ts";

const denoFiles: Files = Deno;
const text = new TextEncoder();

/** Does something with each, in a folder of its own; both must come to the same. */
async function alike(
  name: string,
  use: (files: Files, path: (name: string) => string) => Promise<unknown>,
): Promise<void> {
  const outcomes: unknown[] = [];
  for (const files of [denoFiles, nodeFiles]) {
    const folder = await Deno.makeTempDir();
    try {
      outcomes.push(await use(files, (name) => join(folder, name)));
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  }
  assert.deepEqual(outcomes[1], outcomes[0], name);
}

/** What an error of a call means; `"none"` where it does not fail. */
async function failure(call: Promise<unknown>): Promise<Failure | "none" | undefined> {
  return await call.then(() => "none" as const, failureOf);
}

const openings: readonly (readonly [OpenOptions, first: string | undefined])[] = [
  [{ write: true, create: true, truncate: true }, "before"],
  [{ write: true, create: true }, "before"],
  [{ write: true, createNew: true }, "before"],
  [{ write: true, createNew: true, mode: 0o600 }, undefined],
  [{ write: true }, undefined],
  [{ append: true, create: true }, "before"],
  [{ append: true, create: true }, undefined],
];

Deno.test("files of Node are opened and written as Deno's", async () => {
  for (const [options, before] of openings) {
    await alike(JSON.stringify(options), async (files, path) => {
      if (before !== undefined) await Deno.writeTextFile(path("file"), before);
      const failed = await failure((async () => {
        using file = await files.open(path("file"), options);
        assert.equal(await file.write(text.encode("abc")), 3);
        assert.equal(file.writeSync(text.encode("de")), 2);
      })());
      const left = await Deno.readTextFile(path("file")).catch(() => undefined);
      return { failed, left, mode: (await Deno.stat(path("file")).catch(() => undefined))?.mode };
    });
  }
});

Deno.test("files of Node are read, sought, cut and told of as Deno's", async () => {
  await alike("one file", async (files, path) => {
    await Deno.writeTextFile(path("file"), "0123456789");
    const file = await files.open(path("file"), { read: true, write: true });
    const seen: unknown[] = [];
    const read = async (): Promise<void> => {
      const bytes = new Uint8Array(4);
      const count = await file.read(bytes);
      seen.push(count, new TextDecoder().decode(bytes.subarray(0, count ?? 0)));
    };
    for (let i = 0; i < 4; i++) await read();
    await file.seek(3, 0);
    await file.write(text.encode("ab"));
    await read();
    await file.truncate(7);
    await file.syncData();
    await file.seek(2, 0);
    const rest = await new Response(file.readable).text(); // closes it
    const { isFile, isDirectory, isSymlink, size } = await files.stat(path("file"));
    return [...seen, rest, isFile, isDirectory, isSymlink, size];
  });
});

Deno.test("folders and links of Node are what they are for Deno", async () => {
  await alike("a folder", async (files, path) => {
    await files.mkdir(path("inner/most"), { recursive: true });
    await Deno.writeTextFile(path("file"), "text");
    await files.symlink("file", path("link"));
    await files.symlink("nowhere", path("dangling"));
    await files.rename(path("file"), path("moved"));
    await files.symlink("moved", path("second"));
    await files.chmod(path("moved"), 0o640);
    const entries = (await Array.fromAsync(files.readDir(path(".")), (entry) => ({ ...entry })))
      .sort((a, b) => a.name < b.name ? -1 : 1);
    const real = await files.realPath(path("second")) === await Deno.realPath(path("moved"));
    const mode = (await files.stat(path("second"))).mode! & 0o777;
    const isLink = (await files.lstat(path("second"))).isSymlink;
    await files.remove(path("second"));
    const left = await files.readTextFile(path("moved"));
    return { entries, real, mode, isLink, left };
  });
});

Deno.test("errors of Node's files mean what Deno's mean", async () => {
  await alike("errors", async (files, path) => {
    await files.mkdir(path("folder"), { recursive: true });
    await Deno.writeTextFile(path("file"), "");
    return [
      await failure(files.open(path("none"), { read: true })),
      await failure(files.stat(path("none"))),
      await failure(files.remove(path("none"))),
      await failure(files.readTextFile(path("none"))),
      await failure(files.open(path("file"), { write: true, createNew: true })),
      await failure(files.open(path("folder"), { write: true })),
      await failure(Array.fromAsync(files.readDir(path("none")))),
    ];
  });
});

Deno.test("the same file has the same identity by both", async () => {
  const path = await Deno.makeTempFile();
  try {
    const [own, node] = [await denoFiles.stat(path), await nodeFiles.stat(path)];
    assert.deepEqual([node.dev, node.ino], [own.dev, own.ino]);
  } finally {
    await Deno.remove(path);
  }
});
