import assert from "node:assert/strict";
import { AssayError } from "../../src/error.ts";
import { checkWritable } from "../../src/data/byte_sink.ts";
import { readRows } from "../../src/data/read_rows.ts";
import type { Row } from "../../src/data/rows.ts";
import { temporaryBeside } from "../../src/data/temporary_file.ts";
import { textOf, writeFolderFile, writeWholeFile } from "../../src/data/whole_file.ts";
import { writeRowFile } from "../../src/data/write_rows.ts";
import { testWhere } from "../requirement.ts";

async function inFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function namesIn(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder), ({ name }) => name)).sort();
}

const isCannotWrite = (path: string) => (error: unknown): boolean => {
  assert(error instanceof AssayError);
  assert.equal(error.code, "data/cannot-write");
  assert(error.message.includes(path), error.message);
  return true;
};

for (const name of ["rows.csv", "rows.csv.gz", "rows.parquet"]) {
  Deno.test(`writeRowFile() leaves no trace of a run that never ended, and nothing half (${name})`, async () => {
    await inFolder(async (folder) => {
      const path = `${folder}/${name}`;
      await Deno.writeTextFile(`${folder}/other`, "not to be touched");
      await Deno.symlink(`${folder}/other`, `${path}.rows.tmp`);
      await Deno.writeTextFile(path, "of an earlier run");
      await Deno.chmod(path, 0o640);
      const writer = await writeRowFile(path);
      for (let id = 0; id < 5000; id++) await writer.write({ id, text: "x".repeat(50) });
      // As a kill leaves it: nothing but what was there before.
      assert.deepEqual(await namesIn(folder), ["other", name, `${name}.rows.tmp`].sort());
      assert.equal(await Deno.readTextFile(path), "of an earlier run");
      await writer.close();
      assert.equal((await Array.fromAsync(readRows(path))).length, 5000);
      assert.equal((await Deno.stat(path)).mode! & 0o777, 0o640);
      assert.equal(await Deno.readTextFile(`${folder}/other`), "not to be touched");
      assert.deepEqual(await namesIn(folder), ["other", name, `${name}.rows.tmp`].sort());
    });
  });
}

Deno.test("a temporary file has a name that nobody can guess, and opens nothing that is there", async () => {
  await inFolder(async (folder) => {
    const names = new Set<string>();
    for (let n = 0; n < 20; n++) {
      const { path, file } = await temporaryBeside(`${folder}/${"é".repeat(120)}.csv`);
      file.close();
      names.add(path);
      assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
    }
    assert.equal(names.size, 20);
  });
});

Deno.test("writeWholeFile() keeps what was there where the writing fails", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/summary.json`;
    await Deno.writeTextFile(path, "whole");
    const failing = writeWholeFile(path, async (sink) => {
      await sink.write(new TextEncoder().encode("hal"));
      throw new Error("no more");
    });
    await assert.rejects(failing, /no more/);
    assert.equal(await Deno.readTextFile(path), "whole");
    assert.deepEqual(await namesIn(folder), ["summary.json"]);
  });
});

Deno.test("writeWholeFile() writes through a link, writeFolderFile() in its place", async () => {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/real`, "old");
    await Deno.symlink("real", `${folder}/link`);
    await Deno.symlink("absent", `${folder}/dangling`);
    await checkWritable(`${folder}/dangling`);
    await writeWholeFile(`${folder}/link`, textOf("new"));
    await writeWholeFile(`${folder}/dangling`, textOf("made"));
    assert.equal(await Deno.readTextFile(`${folder}/real`), "new");
    assert.equal(await Deno.readTextFile(`${folder}/absent`), "made");
    assert((await Deno.lstat(`${folder}/link`)).isSymlink);
    await writeFolderFile(`${folder}/link`, textOf("own"));
    assert.equal(await Deno.readTextFile(`${folder}/real`), "new");
    assert(!(await Deno.lstat(`${folder}/link`)).isSymlink);
  });
});

Deno.test("checkWritable() leaves no file where there was none", async () => {
  await inFolder(async (folder) => {
    await checkWritable(`${folder}/out.jsonl`);
    assert.deepEqual(await namesIn(folder), []);
  });
});

const hasFull = await Deno.stat("/dev/full").then(() => true, () => false);

testWhere(
  hasFull ? undefined : "there is no /dev/full",
  "a full disk is an error with the file's name",
  async () => {
    for (const format of ["jsonl", "csv", "parquet"] as const) {
      // A device is no place for a temporary file, so the folder of a link stands in.
      await inFolder(async (folder) => {
        const path = `${folder}/out.${format}`;
        await Deno.symlink("/dev/full", path);
        const writer = await writeRowFile(path);
        await assert.rejects(async () => {
          await writer.write({ id: 1 });
          await writer.close();
        }, isCannotWrite(path));
        assert.deepEqual(await namesIn(folder), [`out.${format}`]);
      });
    }
    await assert.rejects(writeWholeFile("/dev/full", textOf("x")), isCannotWrite("/dev/full"));
    assert(!(await Deno.stat("/dev/full")).isFile);
  },
);

/** A folder with no more than a little room; `undefined` where none can be made. */
async function smallDisk(): Promise<string | undefined> {
  const folder = await Deno.makeTempDir();
  const mount = new Deno.Command("mount", {
    args: ["-t", "tmpfs", "-o", "size=256k", "tmpfs", folder],
    stderr: "null",
  });
  const made = await mount.output().then(({ success }) => success, () => false);
  if (made) return folder;
  await Deno.remove(folder);
  return undefined;
}

const disk = await smallDisk();

testWhere(
  disk === undefined ? "no small disk can be mounted" : undefined,
  "a disk that fills up leaves whole rows or nothing",
  async () => {
    const noise = (n: number) =>
      Array.from({ length: n / 10 }, () => Math.random().toFixed(10).slice(2)).join("");
    try {
      for (const name of ["out.jsonl", "out.jsonl.gz", "out.csv", "out.parquet"]) {
        const path = `${disk}/${name}`;
        const writer = await writeRowFile(path);
        await assert.rejects(async () => {
          for (let id = 0; id < 3000; id++) await writer.write({ id, text: noise(300) });
          await writer.close();
        }, isCannotWrite(path));
        await assert.rejects(() => writer.close());
        if (name !== "out.jsonl") {
          assert.deepEqual(await namesIn(disk!), [], name);
          continue;
        }
        let count = 0;
        for await (const { row } of readRows(path)) assert.equal(row?.id, count++);
        assert(count > 100);
        await Deno.remove(path);
      }
      await Deno.writeTextFile(`${disk}/old.json`, "old");
      await assert.rejects(
        writeWholeFile(`${disk}/old.json`, textOf(noise(400_000))),
        isCannotWrite("old.json"),
      );
      assert.equal(await Deno.readTextFile(`${disk}/old.json`), "old");
      assert.deepEqual(await namesIn(disk!), ["old.json"]);
    } finally {
      await new Deno.Command("umount", { args: [disk!] }).output();
      await Deno.remove(disk!);
    }
  },
);

/** Lists or objects in each other. */
function nested(levels: number, open = "[", close = "]"): unknown {
  return JSON.parse(open.repeat(levels) + "1" + close.repeat(levels));
}

Deno.test("no row ends an output, in any format: what can't be held is told", async () => {
  const circle: Row = {};
  circle.self = circle;
  const rows: Row[] = [
    { id: 1, v: 1 },
    { id: 2, v: nested(3000) },
    { id: 3, v: nested(3000, '{"k":', "}") },
    { id: 4, v: "text" },
    { id: 5, v: 12345678901234567890n, w: { big: 12345678901234567890n } },
    { id: 6, v: { a: [1, "b", {}] } },
    { id: 7, v: circle },
    { id: 8, w: [] },
    {},
    { id: 9, v: true, "": 1, "a.b": 2 },
    { id: "ten", v: Symbol("no value") },
  ];
  for (const format of ["jsonl", "csv", "parquet"] as const) {
    await inFolder(async (folder) => {
      const path = `${folder}/out.${format}`;
      const told: AssayError[] = [];
      const writer = await writeRowFile(path, { onUnwritable: (error) => told.push(error) });
      for (const row of rows) await writer.write(row);
      await writer.close();
      assert.deepEqual(told.map(({ code }) => code), ["data/unwritable-row"]);
      assert.match(told[0]!.message, /columns "v".*circular/);
      const read = await Array.fromAsync(readRows(path));
      assert.equal(read.length, rows.length);
      const failed = read.find(({ row }) => String(row?.id) === "7");
      assert.match(JSON.stringify(failed?.row?.error), /data\/unwritable-row/);
    });
  }
});

Deno.test("a bigint keeps its digits in a Parquet column of JSON", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/out.parquet`;
    const writer = await writeRowFile(path);
    await writer.write({ v: { big: 12345678901234567891n } });
    await writer.write({ v: "text" });
    await writer.close();
    const bytes = new TextDecoder("latin1").decode(await Deno.readFile(path));
    assert(bytes.includes('{"big":12345678901234567891}'));
  });
});

Deno.test("columns named like what every object inherits are columns like others", async () => {
  const rows: Row[] = [
    JSON.parse('{"id":"1","constructor":"a","toString":"b","__proto__":"c","hasOwnProperty":"d"}'),
    { id: "2" },
    JSON.parse('{"id":"3","nested":{"__proto__":"x","valueOf":"y"}}'),
    { id: "4", nested: { other: "z" } },
  ];
  const names = ["constructor", "toString", "__proto__", "hasOwnProperty"];
  for (const format of ["jsonl", "csv", "parquet"] as const) {
    await inFolder(async (folder) => {
      const path = `${folder}/out.${format}`;
      const writer = await writeRowFile(path);
      for (const row of rows) await writer.write(row);
      await writer.close();
      if (format === "csv") {
        assert.equal(
          await Deno.readTextFile(path),
          "id,constructor,toString,__proto__,hasOwnProperty,nested\n1,a,b,c,d,\n2,,,,,\n" +
            '3,,,,,"{""__proto__"":""x"",""valueOf"":""y""}"\n4,,,,,"{""other"":""z""}"\n',
        );
        return;
      }
      const read = await Array.fromAsync(readRows(path), ({ row }) => row!);
      const second = read[1]!;
      for (const name of names) {
        assert.equal(Object.hasOwn(second, name) ? second[name] : null, null, `${format} ${name}`);
      }
      // A reader that makes objects by assignment may lose __proto__; the file has it.
      assert.equal(read[0]!.constructor, "a");
      if (format === "jsonl") assert.deepEqual(Object.entries(read[0]!), Object.entries(rows[0]!));
      else {
        const text = new TextDecoder("latin1").decode(await Deno.readFile(path));
        assert(text.includes("__proto__"));
      }
    });
  }
});
