/**
 * Makes sure that the machine has a WebGPU adapter, as far as it may: where there is none, or only the
 * slow one that Mesa makes of OpenGL, it installs Mesa's software adapter for Vulkan through apt.
 * Assay itself needs none, since it has its WebAssembly engine; the tests of the GPU's kernels do.
 *
 * `ASSAY_NO_INSTALL=1` keeps it from installing anything.
 *
 * @module
 */
import { run, runDeno } from "./command.ts";

const adapterPackage = "mesa-vulkan-drivers";
const byHand = `sudo apt-get update && sudo apt-get install -y ${adapterPackage}`;

/** Why an adapter is wanted; undefined where there is a good one. */
type Lack = "no WebGPU adapter" | "no WebGPU adapter but OpenGL's, which is slow,";

/**
 * Without Vulkan, Mesa's software adapter computes through OpenGL, which has no subgroups: the demo then
 * took 6 times as long as with Vulkan, and half a minute to compile the kernels first.
 */
const lookup = `
const adapter = await navigator.gpu.requestAdapter();
if (adapter === null) Deno.exit(1);
const { device, description } = adapter.info;
if (!/llvmpipe|softpipe/i.test(device + description)) Deno.exit(0);
await adapter.requestDevice({ requiredFeatures: ["subgroups"] }).catch(() => Deno.exit(2));
Deno.exit(0);
`;

/** Looks for an adapter in a process of its own, since a failed lookup is remembered. */
async function findLack(): Promise<Lack | undefined> {
  const { code } = await runDeno("eval", "--no-config", lookup);
  if (code === 0) return undefined;
  return code === 2 ? "no WebGPU adapter but OpenGL's, which is slow," : "no WebGPU adapter";
}

/** How to run apt-get with the rights to install, or why that can't be done here. */
async function findInstaller(): Promise<{ command: string[] } | { obstacle: string }> {
  if (Deno.env.get("ASSAY_NO_INSTALL")) return { obstacle: "ASSAY_NO_INSTALL is set" };
  if (Deno.build.os !== "linux") return { obstacle: `nothing to install on ${Deno.build.os}` };
  if (!(await run("apt-get", ["--version"])).ok) return { obstacle: "there is no apt-get" };
  if (Deno.uid() === 0) return { command: ["env"] };
  if ((await run("sudo", ["-n", "true"])).ok) return { command: ["sudo", "-n", "env"] };
  return { obstacle: "installing it needs root" };
}

async function installAdapter([command, ...args]: string[]): Promise<string | undefined> {
  const aptGet = [
    "DEBIAN_FRONTEND=noninteractive",
    "apt-get",
    "-y",
    "-oAcquire::Retries=1",
    "-oAcquire::http::Timeout=20",
    "-oAcquire::https::Timeout=20",
    "-oDPkg::Lock::Timeout=120",
  ];
  // Stale package lists may still do, and a third party's broken source must not stand in the way.
  const update = await run(command!, [...args, ...aptGet, "update"]);
  const install = await run(command!, [
    ...args,
    ...aptGet,
    "--no-install-recommends",
    "install",
    adapterPackage,
  ]);
  if (install.ok) return undefined;
  const output = `${update.ok ? "" : update.output}${install.output}`;
  return output.match(/^E: .+$/gm)?.join("\n") ?? output.trim();
}

/** Looks for an adapter and installs one where it may; says on stderr what it does and what is left. */
export async function setUp(): Promise<void> {
  let lack = await findLack();
  if (lack === undefined) return;
  const installer = await findInstaller();
  let obstacle: string;
  if ("command" in installer) {
    console.error(
      `There is ${lack} on this machine: installing ${adapterPackage} (a software adapter) with ` +
        "apt-get; this can take a minute.",
    );
    const failure = await installAdapter(installer.command);
    if (failure === undefined) lack = await findLack();
    if (lack === undefined) {
      console.error("Installed; there is a WebGPU adapter now.");
      return;
    }
    if (failure !== undefined) console.error(failure);
    obstacle = failure === undefined ? "still so after the installation" : "apt-get failed";
  } else {
    obstacle = installer.obstacle;
  }
  console.error(
    lack === "no WebGPU adapter"
      ? `Warning: ${lack} on this machine (${obstacle}), so tests of the GPU are skipped.`
      : `Warning: ${lack} on this machine (${obstacle}), so tests of the GPU take long.`,
  );
  if (Deno.build.os === "linux") {
    console.error(`On Debian or Ubuntu this installs a software adapter: ${byHand}`);
  }
}

if (import.meta.main) await setUp();
