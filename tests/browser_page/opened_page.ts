/**
 * The page of `examples/browser/`, built once, served and opened in Debian's Chromium.
 *
 * @module
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import axe from "axe-core";
import { type Browser, chromium, type Page } from "playwright-core";
import { folderServer } from "../../tools/folder_server.ts";
import { writePage } from "../../tools/browser_page/write_page.ts";
import { chromiumExecutable } from "../chromium.ts";

const artifacts = new URL("../../.cache/artifacts/", import.meta.url);
const repository = fileURLToPath(new URL("../../", import.meta.url));

const withoutGpu = ["--disable-features=WebGPU", "--disable-gpu"];
const withGpu = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"];

let built: Promise<string> | undefined;

/** The folder of the built page; it goes with the process. */
function builtPage(): Promise<string> {
  return built ??= (async () => {
    const folder = await Deno.makeTempDir();
    addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
    await writePage(folder);
    return folder;
  })();
}

/** An opened page and its server. */
export interface OpenedPage {
  readonly page: Page;
  /** Where it is served; `golden/` below it has the tiny checkpoints. */
  readonly address: string;
  /** Bytes of memory that the browser's processes of pages hold. */
  heldBytes(): Promise<number>;
  /** Requests since the last look, as `METHOD path range`. */
  requests(): string[];
  /** Stands in for the server's answers from now on, where it gives one. */
  answer(own: (request: Request) => Response | Promise<Response> | undefined): void;
  /** Ends the server. */
  stop(): Promise<void>;
}

/** How a page is opened. */
export interface PageOptions {
  readonly gpu?: boolean | undefined;
  /** What the console may say. */
  readonly expected?: RegExp | undefined;
}

/** Opens the page for a test, and holds its console to silence. */
export async function withPage(
  use: (opened: OpenedPage) => Promise<void>,
  { gpu = false, expected = /^$/ }: PageOptions = {},
): Promise<void> {
  const [own, golden] = [await builtPage(), `${repository}tests/golden/parity`].map((folder) =>
    folderServer(folder)
  ) as [ReturnType<typeof folderServer>, ReturnType<typeof folderServer>];
  let requests: string[] = [];
  let answer: Parameters<OpenedPage["answer"]>[0] = () => undefined;
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const url = new URL(request.url);
    requests.push(
      `${request.method} ${url.pathname} ${request.headers.get("range") ?? ""}`.trimEnd(),
    );
    if (url.pathname === "/") url.pathname = "/index.html";
    const isGolden = url.pathname.startsWith("/golden/");
    if (isGolden) url.pathname = url.pathname.slice("/golden".length);
    return answer(request) ?? (isGolden ? golden : own)(new Request(url, request));
  });
  const args = ["--no-sandbox"];
  const browser = await chromium.launch({
    executablePath: chromiumExecutable!,
    args: [...args, ...(gpu ? withGpu : withoutGpu)],
  });
  const address = `http://127.0.0.1:${server.addr.port}/`;
  try {
    const page = await browser.newPage({ viewport: { width: 1000, height: 900 } });
    page.setDefaultTimeout(20_000);
    const said: string[] = [];
    page.on("console", (message) => said.push(message.text()));
    page.on("pageerror", (error) => said.push(String(error)));
    await page.goto(address);
    await ready(page);
    await use({
      page,
      address,
      heldBytes: () => heldBytes(browser),
      requests: () => requests.splice(0),
      answer: (own) => answer = own,
      stop: () => server.shutdown(),
    });
    assert.deepEqual(said.filter((text) => !expected.test(text)), []);
  } finally {
    requests = [];
    await browser.close();
    await server.shutdown();
  }
}

/** What the kernel counts for the processes in which pages and their workers run. */
async function heldBytes(browser: Browser): Promise<number> {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  await session.detach();
  let bytes = 0;
  for (const { type, id } of processInfo) {
    if (type !== "renderer") continue;
    const status = await Deno.readTextFile(`/proc/${id}/status`);
    const kilobytes = /^RssAnon:\s+(\d+)/m.exec(status)![1];
    const shared = /^RssShmem:\s+(\d+)/m.exec(status)![1];
    bytes += 1024 * (Number(kilobytes) + Number(shared));
  }
  return bytes;
}

/** Waits until the page is isolated: the first time it is opened it opens itself again. */
export async function ready(page: Page): Promise<void> {
  const isReady = `crossOriginIsolated && document.getElementById("offline").textContent !== ""`;
  for (let wait = 0; wait < 300; wait++) {
    if (await page.evaluate(isReady).catch(() => false)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("the page did not become isolated");
}

/** What the page says of a model once it is loaded, or of why it is not. */
export async function loaded(page: Page): Promise<string> {
  await page.locator("#model-loaded:not([hidden]), #model-error:not(:empty)").first().waitFor();
  return await page.innerText("#model-error") || await page.innerText("#model-facts");
}

/** Scores what a prompt and answers are: all digits of the scores, and the tokens' ids. */
export async function scoreAnswers(
  page: Page,
  prompt: string,
  answers: readonly string[],
): Promise<{ readonly scores: readonly number[]; readonly ids: readonly number[][] }> {
  await page.fill("#prompt", prompt);
  for (const [i, answer] of answers.entries()) await page.fill(`#answer-${i}`, answer);
  await page.click("#score");
  await page.locator("#answers-result:not([hidden]), #answers-error:not(:empty)").first().waitFor();
  assert.equal(await page.innerText("#answers-error"), "");
  const scores = (await page.locator("#answers-scores .exact").allInnerTexts()).map(Number);
  const ids = await page.evaluate(() => {
    type List = {
      querySelectorAll(selector: string): Iterable<List & { dataset: { id: string } }>;
    };
    const { document } = globalThis as unknown as { document: List };
    return [...document.querySelectorAll(".tokens")].map((list) =>
      [...list.querySelectorAll("span")].map((token) => Number(token.dataset.id))
    );
  });
  return { scores, ids };
}

/** Holds the page to the rules of accessibility, in the light and in the dark. */
export async function assertAccessible(page: Page): Promise<void> {
  await page.evaluate(axe.source);
  for (const colorScheme of ["dark", "light"] as const) {
    await page.emulateMedia({ colorScheme });
    const { violations } = await page.evaluate(() =>
      (globalThis as unknown as { axe: typeof axe }).axe.run()
    );
    const found = violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]);
    assert.deepEqual(found, [], colorScheme);
  }
}

/** Keeps a picture of the page, to be looked at. */
export async function keepPicture(page: Page, name: string): Promise<void> {
  await Deno.mkdir(artifacts, { recursive: true });
  const picture = await page.screenshot({ fullPage: true });
  await Deno.writeFile(new URL(`browser-${name}.png`, artifacts), picture);
}
