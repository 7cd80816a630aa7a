import { chromium } from "playwright-core";
import { folderServer } from "../../tools/folder_server.ts";
import { chromiumExecutable } from "../chromium.ts";
import type { Installed } from "./installed_package.ts";
import type { Place } from "./programs/program.ts";
import {
  type Outcomes,
  programNames,
  programTexts,
  repository,
  runnerText,
} from "./run_programs.ts";

/** The page: the package as it is installed, without a bundler, by the browser's own map of names. */
const page = `<!doctype html><title>Assay</title>
<script type="importmap">${
  JSON.stringify({
    imports: Object.fromEntries(
      programNames().map(([module]) => [
        `@assay/assay${module.slice(1)}`,
        `/package/dist/${module === "." ? "mod" : module.slice(2)}.js`,
      ]),
    ),
  })
}</script>`;

/**
 * What the programs find in Chromium without WebGPU, in an isolated page, from the files of the installed
 * package as they are.
 */
export async function findingsInChromium({ packageFolder }: Installed): Promise<Outcomes> {
  const texts = await programTexts();
  texts.set("runner.mjs", runnerText);
  const files = folderServer(repository, true);
  const ofPackage = folderServer(packageFolder, true);
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request) => {
      const { pathname, origin } = new URL(request.url);
      if (pathname.startsWith("/package/")) {
        return await ofPackage(new Request(origin + pathname.slice("/package".length), request));
      }
      const text = pathname === "/" ? page : texts.get(pathname.slice(1));
      if (text === undefined) return await files(request);
      const { headers } = await files(new Request(new URL("/deno.json", request.url)));
      headers.set("content-type", pathname === "/" ? "text/html" : "text/javascript");
      return new Response(text, { headers });
    },
  );
  const address = `http://127.0.0.1:${server.addr.port}`;
  const place: Place = { repository: address, scratch: undefined };
  const args = ["--no-sandbox", "--disable-features=WebGPU", "--disable-gpu"];
  const browser = await chromium.launch({ executablePath: chromiumExecutable!, args });
  try {
    const tab = await browser.newPage();
    await tab.goto(address);
    return await tab.evaluate(async ([names, place]) => {
      const runner: string = "/runner.mjs";
      const { runAll } = await import(runner);
      return await runAll(
        names,
        place,
        (file: string) => import(`/${file}`),
        (module: string) => import(`@assay/assay${module.slice(1)}`),
      );
    }, [programNames(), place] as const);
  } finally {
    await browser.close();
  }
}
