/**
 * llama.cpp through node-llama-cpp, on the CPU or on Vulkan, in Node.
 *
 * @module
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { type Engine, serve } from "./serve.ts";

/** How to open llama.cpp. */
export interface LlamaCppOptions {
  /** The folder in which the peers' packages are installed. */
  readonly packages: string;
  readonly device: "cpu" | "vulkan";
  readonly threads: number;
  readonly model: string;
  /** Longest sequence. */
  readonly maxTokens: number;
  /** A file with the head's weight, f32: llama.cpp makes hidden states, the score is made here. */
  readonly head: string;
}

/** The little of the package's interface that is used here. */
interface Sequence {
  clearHistory(): Promise<void>;
  evaluateWithoutGeneratingNewTokens(ids: readonly number[]): Promise<void>;
}
interface Model {
  createContext(options: Record<string, unknown>): Promise<{ getSequence(): Sequence }>;
  createEmbeddingContext(options: Record<string, unknown>): Promise<{
    getEmbeddingFor(ids: readonly number[]): Promise<{ readonly vector: readonly number[] }>;
    dispose(): Promise<void>;
  }>;
}
interface Llama {
  readonly gpu: string | false;
  readonly systemInfo: string;
  getGpuDeviceNames(): Promise<string[]>;
  loadModel(options: Record<string, unknown>): Promise<Model>;
}

async function open(options: LlamaCppOptions): Promise<Engine> {
  const { packages, device, threads, maxTokens } = options;
  const entry = join(packages, "node_modules/node-llama-cpp/dist/index.js");
  const { getLlama } = await import(pathToFileURL(entry).href);
  const llama: Llama = await getLlama({
    gpu: device === "vulkan" ? "vulkan" : false,
    build: "never",
    logLevel: "error",
    maxThreads: threads,
  });
  const names = device === "vulkan" ? await llama.getGpuDeviceNames() : [];
  if (device === "vulkan" && (llama.gpu !== "vulkan" || names.length === 0)) {
    throw new Error("llama.cpp found no Vulkan device and would have used the CPU");
  }
  const model = await llama.loadModel({
    modelPath: options.model,
    gpuLayers: device === "vulkan" ? "max" : 0,
    ignoreMemorySafetyChecks: true,
  });
  const settings = {
    contextSize: maxTokens + 16,
    batchSize: 512, // llama.cpp's default
    threads,
    ignoreMemorySafetyChecks: true,
  };
  const sequence = (await model.createContext(settings)).getSequence();
  const head = new Float32Array((await readFile(options.head)).buffer);
  return {
    facts: {
      device: names.join(", ") || "CPU",
      threads: `${threads}`,
      vectors: /AVX512 = 1/.test(llama.systemInfo) ? "AVX512" : "AVX2",
      node: process.versions.node,
    },
    score: async (sequences) => {
      for (const ids of sequences) {
        await sequence.clearHistory();
        await sequence.evaluateWithoutGeneratingNewTokens(ids);
      }
      return null;
    },
    check: async (sequences) => {
      const context = await model.createEmbeddingContext(settings);
      const scores: number[] = [];
      for (const ids of sequences) {
        const { vector } = await context.getEmbeddingFor(ids);
        scores.push(vector.reduce((sum, number, i) => sum + number * head[i]!, 0));
      }
      await context.dispose();
      return scores;
    },
  };
}

await serve(open);
