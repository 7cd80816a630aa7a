import { ConfigReader } from "../checkpoint/config_reader.ts";
import { AssayError } from "../error.ts";
import type { HeadFacts, HeadKind } from "./head.ts";
import { planLabelHead } from "./label_head.ts";
import { readsSteps } from "./process_reward.ts";
import { isGrm } from "./renamed_scalar.ts";

/** Names of the linear maps before the last, by what the module is called: every second one is a ReLU. */
const modules: readonly string[] = ["score", "v_head.summary"];

/** More layers than any such head has. */
const mostLayers = 16;

/**
 * A head of linear maps with a ReLU between two, read at the last token: two maps named `score` in
 * INF-ORM and Qwen2.5-Math-RM, two or more named `v_head.summary` in GRM.
 */
export const mlpHead: HeadKind = {
  kind: "mlp",
  names: modules.map((module) => `${module}.0.weight`),
  told: '"score.0.weight" and "score.2.weight", or "v_head.summary.0.weight" and so on (mlp)',
  matches: (facts) =>
    modules.some((module) => layersOf(facts, module).length > 0) && !readsSteps(facts),
  plan(facts) {
    const module = modules.find((module) => layersOf(facts, module).length > 0)!;
    const layers = layersOf(facts, module);
    if (module === modules[1]) checkGrm(facts, layers.length);
    return planLabelHead(facts, { kind: "mlp", layers, biased: true }); // as all their classes have it
  },
};

/** The linear maps `module`.0, .2, .4 and so on; two at least, so that a missing one is named. */
function layersOf(facts: HeadFacts, module: string): readonly string[] {
  const { tensors } = facts;
  if (!tensors.has(`${module}.0.weight`) || module === modules[1] && !isGrm(facts)) return [];
  let count = 2;
  while (count < mostLayers && tensors.has(`${module}.${2 * count}.weight`)) count++;
  return Array.from({ length: count }, (_, layer) => `${module}.${2 * layer}`);
}

/** Holds GRM's own keys against its tensors. */
function checkGrm({ name, config, tensors }: HeadFacts, layers: number): void {
  const reader = new ConfigReader(config, `${name}/config.json`);
  const type = reader.text("vhead_layer_type", "mlp");
  const neurons = reader.count("vhead_num_neurons", 1024);
  const hidden = reader.count("vhead_num_layers", 1);
  const width = tensors.get(`${modules[1]}.0.weight`)?.shape[0];
  if (type !== "linear" && hidden === layers - 1 && neurons === width) return;
  throw new AssayError(
    "checkpoint/bad-config",
    `Cannot read ${name}/config.json: expected vhead_layer_type, vhead_num_layers and ` +
      `vhead_num_neurons to describe the tensors of "${modules[1]}", ${
        layers - 1
      } hidden layers of ` +
      `${width ?? "no"} numbers, found "${type}", ${hidden} and ${neurons}`,
  );
}
