/** Debian's Chromium, where the machine has it. */
const executable = ["/usr/bin/chromium-headless-shell", "/usr/bin/chromium"].find((path) => {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
});

/** The program; `undefined` where there is none. */
export const chromiumExecutable: string | undefined = executable;

/** Why there is none; `undefined` where there is one. */
export const missingChromium: string | undefined = executable === undefined
  ? "no Chromium: apt-get install chromium-headless-shell"
  : undefined;
