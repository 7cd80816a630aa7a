/**
 * SwiftShader, a software adapter for Vulkan that Debian's Chromium brings along: unlike Debian 12's
 * Mesa it is accepted by Dawn, too.
 */
const file = "/usr/lib/chromium/vk_swiftshader_icd.json";

function isThere(): boolean {
  try {
    return Deno.statSync(file).isFile;
  } catch {
    return false;
  }
}

/** The file that names the driver to Vulkan's loader, where the machine has one; else what is missing. */
export const swiftShader: { readonly driver?: string; readonly missing?: string } = isThere()
  ? { driver: file }
  : { missing: "no SwiftShader: apt-get install chromium-headless-shell" };
