/**
 * What the kit can use of this machine: a line of JSON for each. `machine_facts.ts PYTHON` names the
 * Python in which PyTorch is looked for.
 *
 * @module
 */
import { adapterName, describeAdapter, findAdapter } from "../../src/gpu/adapter.ts";
import { run } from "../../tools/command.ts";
import { describeMachine } from "../machine.ts";
import type { FactRow } from "./rows.ts";

/** Features that Deno may grant beyond those that an adapter lists. */
const features = [
  "subgroups",
  "shader-f16",
  "shader-i16",
  "timestamp-query",
  "timestamp-query-inside-passes",
  "immediates",
  "wgpu-cooperative-matrix",
];

function print(fact: FactRow["fact"], value: FactRow["value"]): void {
  console.log(JSON.stringify({ row: "fact", fact, value } satisfies FactRow));
}

/** Each needs an adapter of its own, which gives one device only. */
async function isGranted(feature: string): Promise<boolean> {
  const adapter = await findAdapter();
  try {
    const device = await adapter!.requestDevice({
      requiredFeatures: [feature as GPUFeatureName],
    });
    device.destroy();
    return true;
  } catch {
    return false;
  }
}

const torch = "import torch; c = torch.cuda.is_available(); " +
  "print(torch.__version__, 'on', torch.cuda.get_device_name() if c else 'the processor')";

const adapter = await findAdapter();
if (adapter === undefined) print("adapter", null);
else {
  const facts = describeAdapter(adapter);
  print("adapter", facts.description || adapterName(facts));
  print("software", facts.software);
  const granted: string[] = [];
  for (const feature of features) if (await isGranted(feature)) granted.push(feature);
  print("features", granted);
}
print("machine", await describeMachine());
const query = ["--query-gpu=name,driver_version,clocks.sm,clocks.max.sm", "--format=csv,noheader"];
const driver = await run("nvidia-smi", query);
print("driver", driver.ok ? driver.output.trim() : null);
const pytorch = await run(Deno.args[0] ?? "python3", ["-c", torch]);
print("pytorch", pytorch.ok ? pytorch.output.trim().split("\n").at(-1)! : null);
