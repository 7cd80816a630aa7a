import assert from "node:assert/strict";
import { testWhere } from "../requirement.ts";
import { inFolder } from "./captured_output.ts";

testWhere(
  Deno.build.os === "windows" ? "there is no SIGINT" : undefined,
  "an interrupt while a model loads is an interrupt, with its own message and status",
  async () => {
    await inFolder(async (folder) => {
      const rows = `${folder}/rows.jsonl`;
      await Deno.writeTextFile(rows, '{"prompt":"?","chosen":"a","rejected":"b"}\n');
      const commands = [
        ["score", folder, rows, "--output", `${folder}/out.jsonl`],
        ["evaluate", "--model", folder, rows],
      ];
      for (const args of commands) {
        const script = "tests/cli/interrupted_process.ts";
        const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
          args: ["run", "-A", "-q", script, ...args],
        }).output();
        const said = new TextDecoder().decode(stderr);
        assert.match(said, /^assay: .*interrupt \(Ctrl-C\).* \[cli\/interrupted\]\n$/);
        assert.deepEqual([code, stdout.length], [2, 0]);
      }
      await assert.rejects(Deno.stat(`${folder}/out.jsonl`), Deno.errors.NotFound);
    });
  },
);
