/**
 * The script of both workers. One loads the model and scores; the page's policy forbids it every
 * connection. The other (`worker.js?keep`) fetches models, and never sees a text.
 *
 * @module
 */
import { serveRewardModel } from "../../mod.ts";
import { type Port, RemoteCalls } from "../../src/scoring/worker/remote_calls.ts";
import { keepModel, type KeepProgress } from "./keep_model.ts";
import type { KeptModel } from "./kept_models.ts";
import { addressOrigin, pickedOrigin } from "./model_origin.ts";

/** A model to keep: what lies at `source`, or the files that were picked. */
export interface KeepRequest {
  readonly source: string;
  readonly name: string;
  readonly label?: string | undefined;
  readonly files?: ReadonlyMap<string, File> | undefined;
}

/** What the page may call. */
export type KeepProcedures = { keep(request: KeepRequest): Promise<KeptModel> };

/** What the page lets the worker call. */
export type PageProcedures = { kept(progress: KeepProgress): void };

/** Milliseconds between two words on how far it has come. */
const tellingTime = 100;

function serveKeeping(port: Port): void {
  let last: KeepProgress | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const tell = () => {
    timer = undefined;
    calls.call("kept", last!).catch(() => {});
  };
  const calls = new RemoteCalls<PageProcedures>(
    port,
    {
      async keep({ files, ...request }) {
        const { source, name } = request;
        const origin = files === undefined ? addressOrigin(source) : pickedOrigin(name, files);
        return await keepModel(origin, {
          ...request,
          onProgress(progress) {
            last = progress;
            timer ??= setTimeout(tell, tellingTime);
          },
        });
      },
    } satisfies KeepProcedures,
  );
}

if (location.search === "?keep") serveKeeping(globalThis as unknown as Port);
else serveRewardModel();
