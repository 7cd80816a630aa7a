/**
 * An audit at real size: pairs of one made-up model, 75,000 to 300,000 of them, in subsets and with two
 * pairs to a prompt, from a file of JSON Lines to the page.
 *
 *     deno run --allow-all --v8-flags=--single-threaded bench/audit_scale.ts [PAIRS…]
 *
 * Times are the processor's, so that other programs on the machine do not count; memory is the largest
 * resident size that the process has had so far, as Linux counts it (which Deno reads with every right).
 *
 * @module
 */
import process from "node:process";
import { seededRandom } from "../src/numbers/seeded_random.ts";
import { auditFiles } from "../src/tasks/audit/audit.ts";
import { writeAudit } from "../src/tasks/audit/write_audit.ts";

const subsets = 12;

/** Lengths as responses have them (log-normal, median 1,100 characters), and scores that follow. */
async function writePairs(path: string, count: number): Promise<void> {
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

const sizes = Deno.args.length > 0 ? Deno.args.map(Number) : [75_000, 150_000, 300_000];
const folder = await Deno.makeTempDir();
try {
  for (const pairs of sizes) {
    const path = `${folder}/pairs.jsonl`;
    await writePairs(path, pairs);
    const start = processorSeconds();
    await writeAudit(folder, await auditFiles([path]));
    const seconds = processorSeconds() - start;
    const kilobytes = (await Deno.stat(`${folder}/audit.html`)).size / 1000;
    console.log(
      `${pairs} pairs: ${seconds.toFixed(1)} s, at most ${
        mebibytes().toFixed(0)
      } MiB resident, page ${kilobytes.toFixed(0)} kB`,
    );
  }
} finally {
  await Deno.remove(folder, { recursive: true });
}
