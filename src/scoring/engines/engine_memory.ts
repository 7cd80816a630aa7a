import {
  attentionTextureShader,
  attentionTiledShader,
  matmulTextureShader,
  productShaders,
} from "../../../shaders/shaders.ts";
import { type AdapterDescription, adapterName } from "../../gpu/adapter.ts";
import { ChoiceStore } from "../../gpu/choice_store.ts";
import { fingerprint } from "../../numbers/fingerprint.ts";
import type { Engine } from "../../wasm/engine.ts";
import { relaxedModule, strictModule } from "../../wasm/modules.ts";

/** Where the choices between two engines are remembered, by all that they depend on beside the model. */
export function engineChoices(adapter: AdapterDescription, engine: Engine): ChoiceStore {
  const { arithmetic, threads } = engine;
  const module = arithmetic === "relaxed" ? relaxedModule : strictModule;
  const shaders = [
    ...[matmulTextureShader, ...productShaders.values()],
    ...[attentionTextureShader, attentionTiledShader],
  ];
  return new ChoiceStore({
    between: "engines",
    adapter: adapterName(adapter),
    runtime: navigator.userAgent,
    processor: `${navigator.hardwareConcurrency} cores`,
    engine: `${arithmetic}, ${threads} threads, ${fingerprint(module)}`,
    shaders: fingerprint(shaders.map(({ source }) => source).join()),
  });
}
