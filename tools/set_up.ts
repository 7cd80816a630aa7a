/**
 * Makes sure that the machine has a WebGPU adapter, as far as it may: where there is none, it
 * installs Mesa's software adapter through apt. Without one, Assay computes on the CPU.
 *
 * `ASSAY_NO_INSTALL=1` keeps it from installing anything.
 *
 * @module
 */
import { run, runDeno } from "./command.ts";

const adapterPackage = "mesa-vulkan-drivers";
const byHand = `sudo apt-get update && sudo apt-get install -y ${adapterPackage}`;

/** Looks for an adapter in a process of its own, since a failed lookup is remembered. */
async function hasAdapter(): Promise<boolean> {
  const lookup = "Deno.exit(await navigator.gpu.requestAdapter() === null ? 1 : 0)";
  return (await runDeno("eval", "--no-config", lookup)).ok;
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
  if (await hasAdapter()) return;
  const installer = await findInstaller();
  let obstacle: string;
  if ("command" in installer) {
    console.error(
      `No WebGPU adapter on this machine: installing ${adapterPackage} (a software adapter) ` +
        "with apt-get; this can take a minute.",
    );
    const failure = await installAdapter(installer.command);
    if (failure === undefined && await hasAdapter()) {
      console.error("Installed; there is a WebGPU adapter now.");
      return;
    }
    if (failure !== undefined) console.error(failure);
    obstacle = failure === undefined ? "still none after the installation" : "apt-get failed";
  } else {
    obstacle = installer.obstacle;
  }
  console.error(
    `Warning: no WebGPU adapter on this machine (${obstacle}), so Assay computes on the CPU, ` +
      "slowly, and tests of the GPU are skipped.",
  );
  if (Deno.build.os === "linux") {
    console.error(`On Debian or Ubuntu this installs a software adapter: ${byHand}`);
  }
}

if (import.meta.main) await setUp();
