import { type AdapterDescription, describeAdapter, findAdapter } from "../src/gpu/adapter.ts";
import { run } from "../tools/command.ts";
import { peerPackages } from "./peers/packages.ts";

/** What the machine is: one line each. */
export async function describeMachine(): Promise<string[]> {
  const cpu = await Deno.readTextFile("/proc/cpuinfo").catch(() => "");
  const field = (name: string): string =>
    cpu.match(new RegExp(`^${name}\\s*: (.*)$`, "m"))?.[1] ?? "";
  const vectors = ["amx_bf16", "avx512f", "avx2", "fma"].filter((flag) =>
    field("flags").split(" ").includes(flag)
  );
  const { description, software } = await adapterFacts() ??
    { description: "none", software: false };
  const node = await run("node", ["--version"]);
  return [
    `Processor: ${field("model name") || Deno.build.arch}, ${navigator.hardwareConcurrency} cores` +
    (vectors.length > 0 ? ` (${vectors.join(", ")})` : ""),
    `Memory: ${Math.round(Deno.systemMemoryInfo().total / 2 ** 30)} GiB`,
    `WebGPU adapter: ${description}` +
    (software ? " (software: it computes on the processor)" : ""),
    `Deno ${Deno.version.deno}, V8 ${Deno.version.v8}; Node ${node.ok ? node.output.trim() : "–"}`,
    `Peers: ${Object.entries(peerPackages).map((peer) => peer.join(" ")).join(", ")}`,
  ];
}

/** What the adapter is; undefined where there is none. */
export async function adapterFacts(): Promise<AdapterDescription | undefined> {
  const adapter = await findAdapter();
  return adapter === undefined ? undefined : describeAdapter(adapter);
}

/** Cores that other work takes now, by the system's own account over three seconds; NaN if unknown. */
export async function busyCores(): Promise<number> {
  const before = await processorTimes();
  await new Promise((resolve) => setTimeout(resolve, 3000));
  const after = await processorTimes();
  const passed = after.all - before.all;
  return navigator.hardwareConcurrency * (1 - (after.idle - before.idle) / passed);
}

async function processorTimes(): Promise<{ all: number; idle: number }> {
  const text = await Deno.readTextFile("/proc/stat").catch(() => "");
  const times = text.split("\n")[0]!.split(/\s+/).slice(1).map(Number);
  return { all: times.reduce((a, b) => a + b, 0), idle: (times[3] ?? NaN) + (times[4] ?? NaN) };
}
