/**
 * An audit at real size: pairs of one made-up model, 75,000 to 300,000 of them, in subsets and with two
 * pairs to a prompt, from a file of JSON Lines to the page, by the command line itself.
 *
 *     deno run --allow-all bench/audit_scale.ts [--traits] [PAIRS…]
 *
 * With `--traits` every pair also has a target for conformal intervals, and differs in one of five traits.
 *
 * Each size is a process of its own, without a flag of V8. Times are the processor's, of all threads, so that
 * other programs on the machine do not count; memory is the largest resident size that the process had, as
 * Linux counts it (which Deno reads with every right).
 *
 * @module
 */
import process from "node:process";
import { auditCommand } from "../src/cli/audit/audit.ts";
import { run } from "../src/cli/main.ts";
import { Output } from "../src/cli/output.ts";
import { seededRandom } from "../src/numbers/seeded_random.ts";

const subsets = 12;
const traits = 5;

/** Lengths as responses have them (log-normal, median 1,100 characters), and scores that follow. */
async function writePairs(path: string, count: number, hasTraits: boolean): Promise<void> {
  const random = seededRandom(2024);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  using file = await Deno.open(path, { write: true, create: true, truncate: true });
  const encoder = new TextEncoder();
  let lines = "";
  for (let row = 0; row < count; row++) {
    const side = (quality: number) => {
      const length = Math.round(Math.exp(7 + 0.8 * normal()));
      return { length, score: Math.log(length) + quality + normal() };
    };
    const [chosen, rejected] = [side(1), side(0)];
    lines += JSON.stringify({
      id: row,
      prompt: `Question ${row >> 1}?`,
      subset: `subset ${row % subsets}`,
      chosen_score: chosen.score,
      rejected_score: rejected.score,
      chosen_length: chosen.length,
      rejected_length: rejected.length,
      ...(hasTraits && {
        strength: 1 + 0.5 * normal(),
        bias: `trait ${row % traits}`,
        with_trait: row % 2 === 0 ? "chosen" : "rejected",
      }),
    }) + "\n";
    if (lines.length < 1 << 20 && row < count - 1) continue;
    let bytes = encoder.encode(lines);
    while (bytes.length > 0) bytes = bytes.subarray(await file.write(bytes));
    lines = "";
  }
}

function processorSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** The largest resident size so far. */
function mebibytes(): number {
  const status = Deno.readTextFileSync("/proc/self/status");
  return Number(/^VmHWM:\s+(\d+)/m.exec(status)![1]) / 1024;
}

/** One audit, in this process. */
async function auditOnce(
  pairs: number,
  path: string,
  folder: string,
  flags: readonly string[],
): Promise<void> {
  const output = Output.system();
  await run([auditCommand(output)], ["audit", path, "--output", folder, ...flags], output);
  const kilobytes = (await Deno.stat(`${folder}/audit.html`)).size / 1000;
  console.error(
    `${pairs} pairs: ${processorSeconds().toFixed(1)} s, at most ${
      mebibytes().toFixed(0)
    } MiB resident, page ${kilobytes.toFixed(0)} kB`,
  );
}

const [first, ...rest] = Deno.args;
if (first === "--once") {
  await auditOnce(Number(rest[0]), rest[1]!, rest[2]!, rest.slice(3));
} else {
  const hasTraits = first === "--traits";
  const given = (hasTraits ? rest : Deno.args).map(Number);
  const sizes = given.length > 0 ? given : [75_000, 150_000, 300_000];
  const folder = await Deno.makeTempDir();
  try {
    for (const pairs of sizes) {
      const path = `${folder}/pairs.jsonl`;
      await writePairs(path, pairs, hasTraits);
      const args = [
        "run",
        "--allow-all",
        import.meta.filename!,
        "--once",
        `${pairs}`,
        path,
        folder,
        ...(hasTraits ? ["--target", "strength"] : []),
      ];
      await new Deno.Command(Deno.execPath(), { args, stdout: "null" }).output().then(
        ({ stderr }) => Deno.stderr.write(stderr),
      );
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
