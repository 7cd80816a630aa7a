import assert from "node:assert/strict";
import { formatReport, parseReport, resultsName, withSection } from "../../bench/report.ts";

const gpu = (description: string) => ({ description, software: false });
const lines = ["Processor: Intel, 16 cores", "WebGPU adapter: NVIDIA H100 80GB HBM3"];
const measured = { adapter: gpu("NVIDIA H100 80GB HBM3"), machine: lines };
const titles = ["One", "Two", "Three"];

const file = `# Results on an NVIDIA H100

By hand.

- Processor: Intel,
  16 cores
- WebGPU adapter: NVIDIA H100 80GB HBM3

## What it says

A conclusion.

## Two

old

## Three

3
`;

Deno.test("each GPU has a results file of its own, whatever its memory is made of", () => {
  assert.equal(resultsName(undefined), "RESULTS.md");
  assert.equal(
    resultsName({ description: "llvmpipe (LLVM 15.0.6)", software: true }),
    "RESULTS.md",
  );
  assert.equal(resultsName(gpu("NVIDIA H100 80GB HBM3")), "RESULTS.nvidia-h100.md");
  assert.equal(
    resultsName(gpu("NVIDIA GeForce RTX 4090")),
    "RESULTS.nvidia-geforce-rtx-4090.md",
  );
  assert.equal(
    resultsName(gpu("Intel(R) Arc(TM) A770 Graphics (DG2)")),
    "RESULTS.intel-arc-a770-graphics-dg2.md",
  );
  assert.equal(resultsName(gpu("")), "RESULTS.adapter-without-a-name.md");
});

Deno.test("a section takes the place of its namesake, and all else stays, written by hand too", () => {
  const report = parseReport(file);
  assert.equal(formatReport(report), file);
  const fresh = { title: "Two", text: "new" };
  assert.equal(
    formatReport(withSection(report, measured, titles, fresh)),
    file.replace("old", "new"),
  );
  const first = withSection(report, measured, titles, { title: "One", text: "1" });
  const order = ({ sections }: typeof first) => sections.map(({ title }) => title);
  assert.deepEqual(order(first), ["What it says", "One", "Two", "Three"]);
  const unknown = withSection(report, measured, titles, { title: "Four", text: "4" });
  assert.deepEqual(order(unknown), ["What it says", "Two", "Three", "Four"]);
});

Deno.test("a section that was measured on something else than the list at the top says so", () => {
  const machine = ["Processor: AMD, 64 cores", lines[1]!];
  const fresh = { title: "Two", text: "new" };
  const { head, sections } = withSection(
    parseReport(file),
    { ...measured, machine },
    titles,
    fresh,
  );
  assert.match(head, /Intel/);
  assert.match(sections[1]!.text, /^Not on what the list .*: Processor: AMD, 64 cores\.\n\nnew$/);
  assert.equal(sections[2]!.text, "3");
});

Deno.test("a new file names its adapter, and a software one warns", () => {
  const fresh = { title: "One", text: "1" };
  const empty = parseReport("");
  const onGpu = withSection(empty, measured, titles, fresh);
  assert.match(onGpu.head, /^# Results on NVIDIA H100 80GB HBM3\n[^]*- Processor: Intel, 16 cores/);
  assert.doesNotMatch(onGpu.head, /software/);
  const adapter = { description: "llvmpipe", software: true };
  const { head } = withSection(empty, { adapter, machine: ["m"] }, titles, fresh);
  assert.match(head, /software one/);
});
