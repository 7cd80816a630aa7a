import { parseStrictJson } from "../../src/checkpoint/strict_json.ts";
import type { Dtype, TensorInfo } from "../../src/checkpoint/tensor.ts";
import type { ModelFacts } from "../../src/models/family.ts";
import { planFor } from "../../src/scoring/model_plan.ts";
import { planMemory } from "../../src/scoring/packs/memory_plan.ts";
import { Checkpoint } from "../../src/checkpoint/checkpoint.ts";
import { localFolder } from "../../src/checkpoint/folder.ts";
import { mutateValue, oddNumbers } from "./mutations.ts";
import type { Random } from "./random.ts";
import type { FuzzTarget } from "./target.ts";

const golden = new URL("../golden/", import.meta.url);
const bytes: Partial<Record<Dtype, number>> = { F32: 4, BF16: 2, F16: 2 };

async function publishedFacts(name: string): Promise<ModelFacts> {
  const read = async (file: string) =>
    JSON.parse(await Deno.readTextFile(new URL(`${name}/${file}`, golden)));
  const tensors = new Map<string, TensorInfo>();
  const { files } = await read("tensors.json");
  for (const [file, list] of Object.entries<[string, Dtype, number[]][]>(files)) {
    for (const [tensor, dtype, shape] of list) {
      const byteLength = shape.reduce((a, b) => a * b, bytes[dtype]!);
      tensors.set(tensor, { name: tensor, dtype, shape, byteLength, file });
    }
  }
  return { name, config: await read("config.json"), tensors };
}

async function tinyFacts(name: string): Promise<ModelFacts> {
  using checkpoint = await Checkpoint.open(localFolder(new URL(`parity/${name}/`, golden)));
  const { config, tensors } = checkpoint;
  return { name, config, tensors: new Map(tensors) };
}

const tiny = [
  "armo",
  "bert",
  "head_beaver",
  "head_grm",
  "head_ldl",
  "head_quantile",
  "head_urm",
  "llama",
  "llama_dynamic_rope",
  "llama_llama3_rope",
  "mistral",
  "qwen2",
  "qwen3",
  "roberta",
];
const models = await Promise.all([
  ...["armorm_llama3_8b", "skywork_reward_llama31_8b", "skywork_reward_qwen3_0_6b"]
    .map(publishedFacts),
  ...tiny.map(tinyFacts),
]);

function mutateTensors(random: Random, all: ModelFacts["tensors"]): Map<string, TensorInfo> {
  const tensors = new Map(all);
  const name = random.pick([...tensors.keys()]);
  const info = tensors.get(name)!;
  if (random.chance(0.3)) tensors.delete(name);
  else if (random.chance(0.4)) tensors.set(`${name}x`, { ...info, name: `${name}x` });
  else {
    const sides = [0, 1, 3, 2 ** 20, 2 ** 40];
    const shape = info.shape.length === 0
      ? [random.pick(sides)]
      : info.shape.with(random.below(info.shape.length), random.pick(sides));
    tensors.set(name, { ...info, shape, dtype: random.pick(["F32", "BF16", "I8", "F64"]) });
  }
  return tensors;
}

/** Settings of families and heads, altered, beside the tensors of real models. */
export const config: FuzzTarget = {
  name: "config",
  gateCases: 3000,
  draw(random) {
    const facts = random.pick(models);
    let settings: unknown = facts.config;
    for (const _ of random.some(3, () => 0)) settings = mutateValue(random, settings);
    const tensors = random.chance(0.2) ? mutateTensors(random, facts.tensors) : facts.tensors;
    const isObject = typeof settings === "object" && settings !== null && !Array.isArray(settings);
    const altered = isObject ? settings as ModelFacts["config"] : { value: settings };
    const budget = random.pick([...oddNumbers.filter((number) => number > 0), 2 ** 30, 2 ** 34]);
    return {
      what: facts.name,
      input: altered,
      run() {
        // As a file would hold it: no NaN, no -0.
        const text = JSON.stringify(altered);
        parseStrictJson(text, "config.json");
        const config = JSON.parse(text) as ModelFacts["config"];
        const { backbone, tensors: used } = planFor({ ...facts, config, tensors }, {
          head: "reward",
        });
        planMemory({
          name: facts.name,
          backbone,
          tensors: used,
          maxMatrixBytes: 2 ** 27,
          memoryBudget: budget,
          maxTokens: backbone.maxTokens,
          tokensPerPack: 2048,
        });
        return "planned";
      },
    };
  },
};
