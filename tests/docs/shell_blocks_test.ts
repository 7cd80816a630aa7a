import assert from "node:assert/strict";
import { shellBlocks } from "../../tools/docs/shell_blocks.ts";

const fence = "```";

Deno.test("a block marked sh is run as it is written", () => {
  const page =
    `# A page\n\n${fence}sh\ncd x\nls | wc -l\n${fence}\n\n${fence}ts\nlet a;\n${fence}\n`;
  assert.deepEqual(shellBlocks("page.md", page), [
    { page: "page.md", line: 3, script: "cd x\nls | wc -l", leftOut: undefined },
  ]);
});

Deno.test("a block in a list is run without its indent", () => {
  const [block] = shellBlocks("page.md", `- so:\n\n  ${fence}sh\n  ls\n  ${fence}\n`);
  assert.equal(block?.script, "ls");
});

Deno.test("a fence inside another block opens nothing", () => {
  const page = `${fence}text\nnot ${fence}sh\n${fence}\n\n${fence}sh\nls\n${fence}\n`;
  assert.deepEqual(shellBlocks("page.md", page).map(({ line }) => line), [5]);
});

Deno.test("a block that is not run says why in a comment before it", () => {
  const block = `${fence}sh no-run\nsleep 9999\n${fence}\n`;
  const [found] = shellBlocks("page.md", `<!-- no-run: it takes long -->\n\n${block}`);
  assert.equal(found?.leftOut, "it takes long");
  assert.throws(
    () => shellBlocks("page.md", `Wait.\n\n${block}`),
    /page\.md:3: expected <!-- no-run/,
  );
});

Deno.test("shell blocks in other words are refused, so that none is left out by a slip", () => {
  for (const info of ["bash", "shell", "console", "sh norun"]) {
    assert.throws(
      () => shellBlocks("page.md", `${fence}${info}\nls\n${fence}\n`),
      /expected a block marked sh/,
    );
  }
  assert.throws(() => shellBlocks("page.md", `${fence}sh\nls\n`), /never closed/);
});
