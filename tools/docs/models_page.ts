import { publishedRows } from "./published_models.ts";
import { supportedFamilies, supportedHeads } from "./supported_models.ts";

/** A tiny checkpoint of the tests, as far as this page tells of it. */
interface TinyCheckpoint {
  readonly name: string;
  readonly architecture: string;
  readonly dtype: string;
  readonly modelType: string;
}

/** `docs/reference/models.md`: families and heads from the code, and what each was checked on. */
export async function modelsPage(): Promise<string> {
  const tiny = await tinyCheckpoints();
  const familyRows = supportedFamilies().map(({ modelType, architectures }) => {
    const folders = tiny.filter((one) => one.modelType === modelType).map(({ name }) => name);
    return `| \`${modelType}\` | \`${architectures}\` | ${folders.join(", ") || "nothing"} |`;
  });
  const headRows = supportedHeads().map(({ kind, told }) => `| \`${kind}\` | ${told} |`);
  const tinyRows = tiny.map(({ name, architecture, dtype }) =>
    `| \`${name}\` | \`${architecture}\` | ${dtype} |`
  );
  return `# Models that Assay runs

This page tells which checkpoints Assay can score with, and what that was checked on. Its lists of
families, heads and tiny checkpoints are generated from the code by \`deno task docs\`.

A checkpoint is a folder in Hugging Face layout, or its URL: \`config.json\`, \`*.safetensors\` (with
\`model.safetensors.index.json\` where there are several), \`tokenizer.json\`, \`tokenizer_config.json\`
and, in newer ones, \`chat_template.jinja\`. Weights are BF16, F16 or F32, or int8 or int4
as [\`assay quantize\`](../how-to/quantize.md) writes them. \`assay inspect MODEL\` tells
whether a checkpoint is understood, without reading its weights. What is not certain is refused by
name: a key of \`config.json\` that would change the arithmetic or that Assay does not know
(\`--ignore-config-key\` leaves out one that is known to be of no meaning), weights that another program
quantized, a tensor that belongs to no part, a missing head.

## Families of backbones

| \`model_type\` | \`architectures\` | tiny checkpoints of the tests |
| --- | --- | --- |
${familyRows.join("\n")}

A causal model of the same families, without a reward head, scores with \`--implicit\`: by its
log-probabilities and its reference's.

## Heads

| head | known by the tensors |
| --- | --- |
${headRows.join("\n")}

A head is known by its tensors and keys of its config, never by \`architectures\` alone; an \`armo\` head
has \`reward_transform_matrix\` beside these. [What each computes](heads.md), and which number is the
score.

## Published models

Every published reward model that the project knows of, and how it ends. One that works is shown by tiny
checkpoints with random weights, of its own family and head, that score as the reference does: a published
one is too large for the tests. What nobody has looked at is said in the last column.

| model | \`architectures\` | how it ends | shown by | not tested |
| --- | --- | --- | --- | --- |
${publishedRows().join("\n")}

A model that is not in this table runs if its family and head are above; nobody has looked at it here.
To add a line, see \`tools/docs/published_models.json\`.

## Tiny checkpoints

They lie under \`tests/golden/parity/\`, with random weights and what the reference implementation in
float32 makes of them: tokens, hidden states after each layer (within 1e-4, relative) and scores
(within 1e-4 · max(1, |score|)).
[What each is there for](../../tests/golden/README.md).

| folder | architecture | stored as |
| --- | --- | --- |
${tinyRows.join("\n")}
`;
}

async function tinyCheckpoints(): Promise<TinyCheckpoint[]> {
  const root = "tests/golden/parity";
  const names = [...Deno.readDirSync(root)].filter(({ isDirectory }) => isDirectory)
    .map(({ name }) => name).sort();
  const read = async (path: string) => JSON.parse(await Deno.readTextFile(path));
  return await Promise.all(names.map(async (name) => {
    const { architecture, dtype } = await read(`${root}/${name}/golden.json`);
    const { model_type: modelType } = await read(`${root}/${name}/config.json`);
    return { name, architecture, dtype, modelType };
  }));
}
